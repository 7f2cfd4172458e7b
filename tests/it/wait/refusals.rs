//! What cannot be waited for, and what cannot be reached.

use super::Place;
use rcgen::generate_simple_self_signed;
use std::io::{Read, Write};
use std::net::TcpListener;

#[tokio::test]
async fn what_cannot_be_meant() {
    let place = Place::with_keys();
    for (arguments, words) in [
        (&["wait"][..], "TARGET"),
        (&["wait", "aws-ec2:1"], "huawei-evs"),
        (&["wait", "tencent-bm:abc"], "no id of tencent-bm"),
        (
            &["wait", "tencent-bm:1", "--endpoint", "127.0.0.1:80"],
            "no endpoint",
        ),
        (
            &["wait", "tencent-bm:1", "--endpoint", "https://h/path"],
            "no endpoint",
        ),
        (&["wait", "op-1", "--timeout", "5"], "no span of time"),
        (&["wait", "op-1", "--any", "--all"], "--all"),
        (
            &["wait", "op-1", "--server", "nowhere"],
            "no address of a server",
        ),
        (
            &["get", "huawei-elb:../x", "--endpoint", "http://127.0.0.1:1"],
            "no id of huawei-elb",
        ),
    ] {
        let ran = place.run(arguments).await.with_status(2);
        assert!(ran.stderr.contains(words), "{words}: {ran:?}");
    }
}

/// A port that nobody listens on.
fn dead_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it is bound").port()
}

#[tokio::test]
async fn nobody_is_there() {
    let place = Place::with_keys();
    let url = format!("http://127.0.0.1:{}", dead_port());
    for target in [
        "op-1",
        "tencent-bm:1",
        "tencent-vpc3:1",
        "alibaba-bpstudio:op-1",
        "huawei-evs:1",
    ] {
        let arguments = [
            "wait",
            target,
            "--endpoint",
            &url,
            "--server",
            &url,
            "--timeout",
            "1s",
        ];
        let ran = place.run(&arguments).await.with_status(8);
        assert!(ran.stdout.contains("cannot be reached"), "{ran:?}");
        let arguments = ["get", target, "--endpoint", &url, "--server", &url];
        let ran = place.run(&arguments).await.with_status(8);
        assert!(ran.stderr.contains("cannot be reached"), "{ran:?}");
    }
}

/// Whoever takes a connection and says nothing on it is waited for no longer than for anybody else.
#[tokio::test]
async fn somebody_is_there_and_silent() {
    let place = Place::with_keys();
    let silent = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let url = format!("http://{}", silent.local_addr().expect("it is bound"));
    let arguments = [
        "wait",
        "op-1",
        "tencent-bm:1",
        "--endpoint",
        &url,
        "--server",
        &url,
    ];
    let ran = place
        .run(&[&arguments[..], &["--timeout", "1s"]].concat())
        .await
        .with_status(8);
    assert_eq!(ran.stdout.matches("unreachable").count(), 2, "{ran:?}");
}

/// Neither is cured by asking again, and both say what is wrong long before the wait is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_that_cannot_be_agreed_on() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let made = generate_simple_self_signed(vec!["127.0.0.1".to_owned()])
        .expect("a certificate can be made");
    let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
    std::fs::write(&certificate, made.cert.pem()).expect("the folder can be written to");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("the folder can be written to");
    let [certificate, key] = [&certificate, &key].map(|path| path.to_str().expect("it is UTF-8"));
    let arguments = ["--tls-cert", certificate, "--tls-key", key];
    let secure = crate::program::Program::start_with("memory:", &arguments, "info");
    let plain = crate::program::Program::start("memory:");
    let place = Place::with_keys();
    for (address, words) in [
        (secure.address, "is not trusted"),
        (plain.address, "does not speak TLS"),
    ] {
        let url = format!("https://{address}");
        let ran = place
            .run(&["wait", "tencent-bm:1", "--endpoint", &url])
            .await
            .with_status(8);
        assert!(ran.stdout.contains(words), "{ran:?}");
    }
    let mut place = Place::with_keys();
    let url = format!("https://{}", secure.address);
    for (authorities, status, of_list) in [(certificate, 6, 0), (key, 8, 8), ("nowhere.pem", 2, 2)]
    {
        place.set("SSL_CERT_FILE", authorities);
        let ran = place
            .run(&["get", "tencent-bm:1", "--endpoint", &url])
            .await;
        ran.with_status(status);
        let ran = place.run(&["list", "--server", &url]).await;
        ran.with_status(of_list);
    }
}

/// A redirect leads neither a token nor a signature to somebody else.
#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    elsewhere.set_nonblocking(true).expect("it can be asked");
    let there = elsewhere.local_addr().expect("it is bound");
    let here = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let url = format!("http://{}", here.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        for stream in here.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 4096];
            // Whatever was asked, the answer is the same.
            let _ = stream.read(&mut head);
            let answer = format!(
                "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://{there}/\r\n\
                 content-length: 0\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let place = Place::with_keys();
    for arguments in [
        &["list", "--server", &url][..],
        &["get", "op-1", "--server", &url],
        &["get", "tencent-bm:1", "--endpoint", &url],
        &["get", "huawei-elb:1", "--endpoint", &url],
    ] {
        let ran = place.run(arguments).await;
        assert_ne!(ran.status, Some(0), "{ran:?}");
        assert!(ran.stderr.contains("redirects are not followed"), "{ran:?}");
    }
    assert!(elsewhere.accept().is_err(), "nobody went there");
}

#[tokio::test]
async fn completions_and_the_manual() {
    let place = Place::bare();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = place.run(&["completions", shell]).await.with_status(0);
        assert!(
            ran.stdout.contains("longrun") && ran.stdout.contains("resource-group"),
            "{shell}"
        );
    }
    let ran = place.run(&["man"]).await.with_status(0);
    assert!(ran.stdout.contains(".TH longrun 1"), "{}", ran.stdout);
    for words in ["LONGRUN WAIT", "resource\\-group", "partly succeeded"] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("LONGRUN DIGEST"));
}
