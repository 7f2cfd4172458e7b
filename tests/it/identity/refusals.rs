//! Who gets no token, and questions that are wrong in every way we could think of.

use super::{Caller, NAME, PASSWORD, login, project};
use crate::bad_input::wire::{self, Answer, Message};
use crate::bad_input::{now, poll, signed};
use crate::program::{Program, TOKEN};
use serde_json::{Value, json};
use std::net::Ipv4Addr;

/// Five failures in a row lock a name, known or not; and only that name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_wrong_passwords_lock_a_user() {
    let program = Program::start("memory:");
    let caller = Caller::new(&program).await;
    let named = |name: &str, password: &str| {
        let mut login = login(password, &project());
        login["auth"]["identity"]["password"]["user"]["name"] = json!(name);
        login
    };
    // A success in between begins the count anew.
    for password in ["a", "b", "c", "d", PASSWORD, "a", "b", "c", "d"] {
        let expected = if password == PASSWORD { 201 } else { 401 };
        assert_eq!(caller.post(&named(NAME, password)).await.status, expected);
    }
    for (name, last) in [(NAME, 1), ("nobody", 5)] {
        for _ in 0..last {
            let told = caller.post(&named(name, "wrong")).await;
            let wrong = "The username or password is wrong.";
            assert_eq!((told.status, told.message()), (401, wrong), "{name}");
        }
        for password in [PASSWORD, "wrong"] {
            let told = caller.post(&named(name, password)).await;
            let locked = told.message().starts_with("The user is locked");
            assert!(told.status == 401 && locked, "{name}: {}", told.body);
        }
    }
    let told = caller.post(&named("somebody", "wrong")).await;
    assert!(told.message().contains("wrong"), "{}", told.body);
    // Tokens that are out there stay good, and so do keys.
    let told = caller
        .get("/v3/auth/projects", &[("X-Auth-Token", TOKEN)])
        .await;
    assert_eq!(told.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_questions_are_refused_in_its_words() {
    let mut program = Program::start("memory:");
    let caller = Caller::new(&program).await;
    let host = program.address.to_string();
    let mut failures = Vec::new();
    let cases = [
        bodies(&host),
        users(&host),
        means(&host),
        scopes(&host),
        callers(&host),
        paths(&host),
    ];
    for (name, message, expected) in cases.into_iter().flatten() {
        let answer = wire::exchange(program.address, &message).await;
        let told = answer.as_ref().map_or("nothing".to_owned(), told);
        if told != expected {
            failures.push(format!("{name}: {told}, not {expected}\n{answer:?}"));
        }
        program.check_unharmed(name);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    caller.token().await;
}

type Case = (&'static str, Message, &'static str);

/// The status, and the title if the body has the form that errors have here.
fn told(answer: &Answer) -> String {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let error = &body["error"];
    let is_whole = error["code"] == json!(answer.status)
        && error["message"].is_string()
        && answer
            .head
            .to_ascii_lowercase()
            .contains("\r\nx-request-id: ");
    match error["title"].as_str() {
        Some(title) if is_whole => format!("{} {title}", answer.status),
        Some(_) | None => answer.status.to_string(),
    }
}

fn post(host: &str) -> Message {
    Message::new("POST", "/v3/auth/tokens", host).header("Content-Type", "application/json")
}

fn bodies(host: &str) -> Vec<Case> {
    let good = login(PASSWORD, &project()).to_string();
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let large = format!("{{\"auth\":\"{}\"}}", "x".repeat(1_100_000));
    let with = |body: &str| post(host).body(body.as_bytes());
    vec![
        ("a good login", with(&good), "201"),
        ("no body", post(host), "400 Bad Request"),
        ("no JSON", with("auth"), "400 Bad Request"),
        (
            "half of it",
            with(&good[..good.len() / 2]),
            "400 Bad Request",
        ),
        ("a list", with("[]"), "400 Bad Request"),
        ("a text", with("\"auth\""), "400 Bad Request"),
        ("nothing in it", with("{}"), "400 Bad Request"),
        ("deep JSON", with(&deep), "400 Bad Request"),
        (
            "no UTF-8",
            post(host).body(b"{\"auth\":\"\xff\"}"),
            "400 Bad Request",
        ),
        ("too large", with(&large), "413 Request Entity Too Large"),
        (
            "cut short",
            post(host).truncated(good.as_bytes()),
            "400 Bad Request",
        ),
        ("a form", post(host).form("auth=x"), "400 Bad Request"),
    ]
}

/// A login of which something was changed.
fn changed(host: &str, change: impl Fn(&mut Value)) -> Message {
    let mut body = login(PASSWORD, &project());
    change(&mut body["auth"]);
    post(host).body(body.to_string().as_bytes())
}

fn users(host: &str) -> Vec<Case> {
    let user = |name: &str, value: Value| {
        changed(host, |auth| {
            auth["identity"]["password"]["user"][name] = value.clone();
        })
    };
    let long = json!("x".repeat(100_000));
    let other = json!("f".repeat(32));
    vec![
        (
            "a number for a password",
            user("password", json!(1)),
            "400 Bad Request",
        ),
        (
            "no password",
            user("password", json!(null)),
            "400 Bad Request",
        ),
        (
            "a wrong password",
            user("password", json!("x")),
            "401 Unauthorized",
        ),
        (
            "a long password",
            user("password", long),
            "401 Unauthorized",
        ),
        ("no name", user("name", json!("")), "400 Bad Request"),
        (
            "an unknown name",
            user("name", json!("nobody")),
            "401 Unauthorized",
        ),
        (
            "an odd name",
            user("name", json!("\u{0}\u{1f}'; --")),
            "401 Unauthorized",
        ),
        ("an unknown id", user("id", other), "401 Unauthorized"),
        ("no domain", user("domain", json!(null)), "400 Bad Request"),
        (
            "an unknown domain",
            user("domain", json!({"name": "x"})),
            "401 Unauthorized",
        ),
    ]
}

fn means(host: &str) -> Vec<Case> {
    let methods = |value: Value| changed(host, |auth| auth["identity"]["methods"] = value.clone());
    let token = |id: &str| {
        let identity = json!({ "methods": ["token"], "token": { "id": id } });
        changed(host, |auth| auth["identity"] = identity.clone())
    };
    vec![
        ("no method", methods(json!([])), "400 Bad Request"),
        (
            "a method that is none",
            methods(json!(["totp"])),
            "401 Unauthorized",
        ),
        (
            "two methods",
            methods(json!(["password", "totp"])),
            "401 Unauthorized",
        ),
        (
            "a method without its part",
            methods(json!(["token"])),
            "400 Bad Request",
        ),
        ("no token at all", token(""), "400 Bad Request"),
        ("an unknown token", token("MIIxyz"), "401 Unauthorized"),
    ]
}

fn scopes(host: &str) -> Vec<Case> {
    let scope = |value: Value| changed(host, |auth| auth["scope"] = value.clone());
    let other = "f".repeat(32);
    let elsewhere = json!({"project": {"name": "eu-de", "domain": {"name": "x"}}});
    vec![
        (
            "another project",
            scope(json!({"project": {"id": other}})),
            "401 Unauthorized",
        ),
        (
            "a project without a name",
            scope(json!({"project": {}})),
            "400 Bad Request",
        ),
        (
            "an unknown project",
            scope(json!({"project": {"name": "x"}})),
            "401 Unauthorized",
        ),
        (
            "a project of another domain",
            scope(elsewhere),
            "401 Unauthorized",
        ),
        (
            "another domain",
            scope(json!({"domain": {"name": "x"}})),
            "401 Unauthorized",
        ),
        ("a scope of nothing", scope(json!({})), "400 Bad Request"),
        ("a scope that is none", scope(json!(7)), "400 Bad Request"),
    ]
}

fn callers(host: &str) -> Vec<Case> {
    let get = |path: &str| Message::new("GET", path, host);
    let with = |path: &str, token: &str| get(path).header("X-Auth-Token", token);
    let subject =
        |own: &str, subject: &str| with("/v3/auth/tokens", own).header("X-Subject-Token", subject);
    vec![
        ("nobody", get("/v3/projects"), "401 Unauthorized"),
        (
            "an empty token",
            with("/v3/auth/projects", ""),
            "401 Unauthorized",
        ),
        (
            "an unknown token",
            with("/v3/auth/projects", "x"),
            "401 Unauthorized",
        ),
        (
            "half a token",
            with("/v3/auth/catalog", "MII"),
            "401 Unauthorized",
        ),
        ("a key's token", with("/v3/auth/projects", TOKEN), "200"),
        ("about itself", subject(TOKEN, TOKEN), "200"),
        (
            "about an unknown one",
            subject(TOKEN, "MIIx"),
            "404 Not Found",
        ),
        (
            "about none",
            with("/v3/auth/tokens", TOKEN),
            "400 Bad Request",
        ),
        (
            "with a bad one about a good one",
            subject("MIIx", TOKEN),
            "403 Forbidden",
        ),
        (
            "a good signature",
            signed::huawei("GET", "/v3/projects", host, b""),
            "200",
        ),
        (
            "a copied signature",
            signed::huawei("GET", "/v3/projects", host, b"")
                .altered("/v3/projects", "/v3/services"),
            "401 Unauthorized",
        ),
        (
            "no signature",
            get("/v3/services").header("Authorization", "SDK-HMAC-SHA256 Access=x"),
            "401 Unauthorized",
        ),
    ]
}

fn paths(host: &str) -> Vec<Case> {
    let with =
        |method: &str, path: &str| Message::new(method, path, host).header("X-Auth-Token", TOKEN);
    vec![
        ("the versions", Message::new("GET", "/", host), "300"),
        (
            "the console, for people",
            Message::new("GET", "/", host).header("Accept", "text/html,*/*"),
            "200",
        ),
        ("the version", Message::new("GET", "/v3", host), "200"),
        (
            "the version with a slash",
            Message::new("GET", "/v3/", host),
            "200",
        ),
        (
            "posting to it",
            with("POST", "/v3"),
            "405 Method Not Allowed",
        ),
        (
            "revoking a token",
            with("DELETE", "/v3/auth/tokens"),
            "405 Method Not Allowed",
        ),
        (
            "making a project",
            with("POST", "/v3/projects"),
            "405 Method Not Allowed",
        ),
        (
            "nothing there",
            with("GET", "/v3/auth/nothing"),
            "404 Not Found",
        ),
        (
            "nothing there, for nobody",
            Message::new("GET", "/v3/auth/x", host),
            "401 Unauthorized",
        ),
        ("users", with("GET", "/v3/users/x"), "404 Not Found"),
        (
            "somebody else's projects",
            with("GET", "/v3/users/x/projects"),
            "200",
        ),
        (
            "a project",
            with("GET", "/v3/projects/0123456789abcdef0123456789abcdef"),
            "200",
        ),
        (
            "an unknown project",
            with("GET", "/v3/projects/x"),
            "404 Not Found",
        ),
        (
            "a broken escape",
            with("GET", "/v3/projects?name=%4"),
            "400 Bad Request",
        ),
        (
            "no UTF-8",
            with("GET", "/v3/projects?name=%ff"),
            "400 Bad Request",
        ),
        (
            "a method that is none",
            with("BREW", "/v3/auth/projects"),
            "405 Method Not Allowed",
        ),
        (
            "an escape in a path",
            with("GET", "/v3/projects/%zz"),
            "404 Not Found",
        ),
    ]
}

/// Five bad signatures in a row lock an access key, where the cloud does so: for one address and its own dialect only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_bad_signatures_lock_a_key() {
    let program = Program::start("memory:");
    let job = super::job(&program).await;
    let host = program.address.to_string();
    let good = || poll("huawei-elb", &host, &job, now());
    // The job of another is asked for with the signature for this one.
    let bad = || good().altered(&job, &"f".repeat(32));
    let told = async |message: Message| {
        let answer = wire::exchange(program.address, &message).await;
        let answer = answer.expect("the server answers");
        let body: Value = serde_json::from_str(&answer.body).expect("it is JSON");
        let words = [&body["error_msg"], &body["error"]["message"]];
        let word = words.into_iter().find_map(Value::as_str);
        (answer.status, word.unwrap_or_default().to_owned())
    };
    // A success in between begins the count anew, and a clock that is off is no failure.
    let late = || poll("huawei-elb", &host, &job, now().plus_millis(-3_600_000));
    for message in [bad(), bad(), bad(), bad(), late()] {
        assert_eq!(told(message).await.0, 401);
    }
    assert_eq!(told(good()).await.0, 200);
    for _ in 0..5 {
        let (status, message) = told(bad()).await;
        assert_eq!(status, 401);
        assert!(message.contains("verify aksk signature fail"), "{message}");
    }
    let locked = "AK access failed to reach the limit,forbidden";
    let projects = signed::huawei("GET", "/v3/projects", &host, b"");
    for message in [good(), bad(), projects] {
        let (status, message) = told(message).await;
        assert_eq!(status, 401);
        assert!(message.contains(locked), "{message}");
    }
    // Tokens of the key, other dialects and other addresses do not notice.
    let caller = Caller::of(&program);
    assert_eq!(caller.poll(TOKEN, &job).await, "200 INIT");
    let other = poll("tencent-bm", &host, "1", now());
    let (status, message) = told(other).await;
    assert_eq!((status, message.as_str()), (200, ""));
    let (elsewhere, message) = (Ipv4Addr::new(127, 0, 0, 2), good());
    let answer = wire::exchange_from(elsewhere, program.address, &message).await;
    assert_eq!(answer.map(|answer| answer.status), Some(200));
}
