//! Bytes that are no HTTP, or not for anybody here.

use super::wire::{Answer, Message};
use super::{Case, Server, case, now, poll};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_http_does_no_harm() {
    let mut server = Server::start().await;
    let (host, id) = (server.host(), server.text("id"));
    let good = || {
        let message = poll("alibaba-bpstudio", &host, &id, now());
        case("a good call", message, "200")
    };
    server.check(cases(&host), status, good).await;
}

fn status(answer: &Answer) -> String {
    answer.status.to_string()
}

fn cases(host: &str) -> Vec<Case> {
    let raw = |bytes: &[u8]| Message {
        head: bytes.to_vec(),
        ..Message::default()
    };
    let two_lengths = Message::new("POST", "/v2/index.php", host)
        .header("Content-Length", "3")
        .header("Content-Length", "4");
    vec![
        case("nothing at all", raw(b"").cut(), "no answer"),
        case("noise", raw(b"\x00\x01\x02\x03\r\n"), "400"),
        case(
            "the beginning of TLS",
            raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n"),
            "400",
        ),
        case("one word", raw(b"HELLO\r\n"), "400"),
        case("a version that is none", raw(b"GET / HTTP/9.9\r\n"), "400"),
        case(
            "a header without a colon",
            raw(b"GET / HTTP/1.1\r\nHost\r\n"),
            "400",
        ),
        case("half a head", raw(b"GET / HTTP/1.1\r\nHo").cut(), "400"),
        case("two lengths", two_lengths, "200"),
        case(
            "a length that is none",
            Message::new("POST", "/", host).header("Content-Length", "-5"),
            "400",
        ),
        case(
            "a path that is nobody's",
            Message::new("GET", "/nobody", host),
            "404",
        ),
        case(
            "an absolute target",
            Message::new("GET", &format!("http://{host}/healthz"), host),
            "200",
        ),
        case("an asterisk", Message::new("OPTIONS", "*", host), "404"),
        case("a connect", Message::new("CONNECT", host, host), "404"),
    ]
}
