//! Answers that no cloud should give, from each cloud: none of them is taken for an end, and the wait goes on.

use super::Place;
use serde_json::Value;
use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is odd about an answer, and words that it is told with; without words, it is taken as what it says.
type Oddity = (Odd, &'static str);

#[derive(Clone, Copy, Debug)]
enum Odd {
    /// A head of an answer, and its body.
    Answer(&'static str, &'static [u8]),
    /// What is good, under another head.
    GoodUnder(&'static str),
    /// What is good, with a field before it that is deeper than anybody reads.
    Deep,
    /// Nothing but opening brackets.
    Brackets,
    /// What is good, with its first field twice: the first time without a value.
    Twice,
    /// More than anybody reads, at once.
    Huge,
    /// More and more, without an end and without saying how much.
    Endless,
    /// A byte now and then, for ever.
    Dripping,
    /// The good answer, of which the end is missing.
    Short,
}

/// What each cloud's words for it begin with: `no job`, `not one of API 3.0`, `neither JSON nor XML`.
const UNREADABLE: &str = "the answer is n";
/// Whatever is told.
const ANYTHING: &str = "*";

const OK: &str = "200 OK\r\ncontent-type: application/json";

const ODDITIES: [Oddity; 21] = [
    (Odd::Answer(OK, b""), UNREADABLE),
    (Odd::Answer(OK, b"hello"), UNREADABLE),
    (
        Odd::Answer(OK, b"{\"code\":0,\"data\":{\"status\":NaN}}"),
        UNREADABLE,
    ),
    (Odd::Answer(OK, b"\xff\xfe{\x00}\x00"), UNREADABLE),
    (Odd::Answer(OK, b"null"), UNREADABLE),
    (Odd::Answer(OK, b"[]"), UNREADABLE),
    (Odd::Answer(OK, b"\"SUCCESS\""), UNREADABLE),
    (
        Odd::Answer(
            "200 OK\r\ncontent-type: text/html",
            b"<!DOCTYPE html><title>log in</title>",
        ),
        "web page",
    ),
    (
        Odd::Answer(
            "502 Bad Gateway\r\ncontent-type: text/html",
            b"<html><title>down</title>",
        ),
        "web page",
    ),
    (
        Odd::Answer(
            "200 OK\r\ncontent-encoding: gzip",
            b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
        ),
        UNREADABLE,
    ),
    (Odd::Answer("204 No Content", b""), "204"),
    (Odd::Answer("304 Not Modified", b""), "304"),
    (Odd::Answer("500 Internal Server Error", b""), "500"),
    (
        Odd::GoodUnder("200 OK\r\ncontent-type: text/html; charset=gbk"),
        "",
    ),
    (Odd::Deep, ANYTHING),
    (Odd::Brackets, UNREADABLE),
    (Odd::Twice, ""),
    (Odd::Huge, "more than 16777216 bytes"),
    (Odd::Endless, "more than 16777216 bytes"),
    (Odd::Dripping, "did not answer within 10 s"),
    (Odd::Short, "broke off"),
];

/// A cloud: its name, what a poll of it has before the id, and a good end.
const CLOUDS: [(&str, &str, &str); 8] = [
    (
        "tencent-bm",
        "Action=DescriptionOperationResult",
        r#"{"code":0,"message":"","data":{"status":1,"instanceIds":[{"instanceId":"cpm-1","status":1}]}}"#,
    ),
    (
        "tencent-vpc",
        "Action=DescribeNetTaskResult",
        r#"{"code":0,"message":"","data":{"status":0,"output":{"code":0,"message":"OK"}}}"#,
    ),
    (
        "tencent-bm3",
        "x-tc-action: DescribeOperationResult",
        r#"{"Response":{"TaskStatus":1,"SubtaskStatusSet":[],"RequestId":"r"}}"#,
    ),
    (
        "tencent-vpc3",
        "x-tc-action: DescribeTaskResult",
        r#"{"Response":{"TaskId":1,"Result":"SUCCESS","RequestId":"r"}}"#,
    ),
    (
        "alibaba-bpstudio",
        "x-acs-action: GetExecuteOperationResult",
        r#"{"Code":200,"RequestId":"r","Data":{"OperationId":"o","Status":"SUCCESS","Arguments":""}}"#,
    ),
    (
        "huawei-elb",
        "GET /v1.0/",
        r#"{"status":"SUCCESS","entities":{},"job_id":"j"}"#,
    ),
    (
        "huawei-ecs",
        "/jobs/88",
        r#"{"status":"SUCCESS","entities":{},"job_id":"j"}"#,
    ),
    (
        "huawei-evs",
        "/jobs/99",
        r#"{"status":"SUCCESS","entities":{},"job_id":"j"}"#,
    ),
];
/// Tasks are numbered from here: long enough that no signature has one in it by chance.
const FIRST: usize = 880_055_000;
/// The two clouds that ask alike are told apart by their ids.
const SECOND: usize = 990_055_000;

/// The cloud of a request, and the number of its oddity.
fn meant(request: &str) -> Option<(usize, usize)> {
    let cloud = CLOUDS
        .iter()
        .position(|(_, words, _)| request.contains(words))?;
    let first = if CLOUDS[cloud].0 == "huawei-evs" {
        SECOND
    } else {
        FIRST
    };
    let number = (0..ODDITIES.len()).find(|it| request.contains(&(first + it).to_string()))?;
    Some((cloud, number))
}

/// All clouds at one address. Each task is answered oddly once, and well from then on.
fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = listener.local_addr().expect("it is bound");
    let asked: Arc<Mutex<HashMap<(usize, usize), u32>>> = Arc::default();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let asked = Arc::clone(&asked);
            // Whoever asks hears of it by an answer that does not come.
            std::thread::spawn(move || _ = answer(stream, &asked));
        }
    });
    address
}

fn answer(mut stream: TcpStream, asked: &Mutex<HashMap<(usize, usize), u32>>) -> io::Result<()> {
    let request = read_request(&mut stream)?;
    let Some((cloud, number)) = meant(&request) else {
        return stream
            .write_all(b"HTTP/1.1 418 What\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    };
    let count = {
        let mut asked = asked.lock().expect("nobody panicked");
        let count = asked.entry((cloud, number)).or_default();
        *count += 1;
        *count
    };
    let good = CLOUDS[cloud].2;
    if count == 1 {
        odd(&mut stream, ODDITIES[number].0, good)
    } else {
        whole(&mut stream, OK, good.as_bytes())
    }
}

fn whole(stream: &mut TcpStream, head: &str, body: &[u8]) -> io::Result<()> {
    let length = match head.get(..3) {
        // These have none.
        Some("204" | "304") => String::new(),
        _ => format!("content-length: {}\r\n", body.len()),
    };
    let head = format!("HTTP/1.1 {head}\r\n{length}connection: close\r\n\r\n");
    stream.write_all(&[head.as_bytes(), body].concat())
}

fn odd(stream: &mut TcpStream, odd: Odd, good: &str) -> io::Result<()> {
    let rest = good.trim_start_matches('{');
    match odd {
        Odd::Answer(head, body) => whole(stream, head, body),
        Odd::GoodUnder(head) => whole(stream, head, good.as_bytes()),
        Odd::Deep => {
            let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
            let body = format!("{{\"zzz\":{open}{close},{rest}");
            whole(stream, OK, body.as_bytes())
        }
        Odd::Brackets => whole(stream, OK, "[".repeat(100_000).as_bytes()),
        Odd::Twice => {
            let first = good.split(':').next().unwrap_or_default();
            whole(stream, OK, format!("{first}:null,{rest}").as_bytes())
        }
        Odd::Huge => {
            write!(
                stream,
                "HTTP/1.1 {OK}\r\ncontent-length: {}\r\n\r\n",
                100 << 20
            )?;
            let blanks = vec![b' '; 1 << 20];
            (0..100).try_for_each(|_| stream.write_all(&blanks))
        }
        Odd::Endless => {
            write!(
                stream,
                "HTTP/1.1 {OK}\r\ntransfer-encoding: chunked\r\n\r\n"
            )?;
            let chunk = [&b"10000\r\n"[..], &vec![b' '; 0x10000], b"\r\n"].concat();
            loop {
                stream.write_all(&chunk)?;
            }
        }
        Odd::Dripping => {
            write!(
                stream,
                "HTTP/1.1 {OK}\r\ntransfer-encoding: chunked\r\n\r\n"
            )?;
            loop {
                stream.write_all(b"1\r\n \r\n")?;
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Odd::Short => {
            let length = good.len() + 10;
            write!(
                stream,
                "HTTP/1.1 {OK}\r\ncontent-length: {length}\r\n\r\n{good}"
            )
        }
    }
}

/// The head of a request, and as much of a body as it announces.
fn read_request(stream: &mut TcpStream) -> io::Result<String> {
    let bytes = crate::gateway::line::read_request(stream)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_odd_answer_is_an_end() {
    let url = format!("http://{}", serve());
    let mut place = Place::with_keys();
    place.set("HUAWEICLOUD_SDK_REGION", "cn-north-4");
    let targets = CLOUDS.iter().flat_map(|(cloud, _, _)| {
        let first = if *cloud == "huawei-evs" {
            SECOND
        } else {
            FIRST
        };
        (0..ODDITIES.len()).map(move |number| format!("{cloud}:{}", first + number))
    });
    let targets: Vec<String> = targets.collect();
    let words = ["wait", "--json", "--timeout", "50s", "--endpoint", &url];
    let words = words.into_iter().chain(targets.iter().map(String::as_str));
    let ran = place.run(&words.collect::<Vec<_>>()).await;
    let ends = ran.ends();
    let mut wrong = Vec::new();
    for (index, target) in targets.iter().enumerate() {
        let (odd, words) = ODDITIES[index % ODDITIES.len()];
        let story = ran.story(target);
        let troubles = story.iter().filter(|(event, _)| event == "trouble");
        let troubles: Vec<_> = troubles.map(|(_, words)| words).collect();
        let is_told = match words {
            "" => troubles.is_empty(),
            ANYTHING => true,
            words => troubles.iter().any(|told| told.contains(words)),
        };
        let end = ends.get(target).unwrap_or(&Value::Null);
        if !is_told || end["exit"] != 0 {
            wrong.push(format!("{target} {odd:?}: {troubles:?}\n{end}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    ran.with_status(0);
}
