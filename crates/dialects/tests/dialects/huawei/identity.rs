//! The identity service: its answers and refusals byte by byte, and which requests it takes.

use super::{ENDPOINT, PROJECT};
use crate::support::{SUBMITTED, check_golden, ids, lent};
use http::{HeaderMap, Method};
use longrun_dialects::identity::{
    self, Answer, Filter, Methods, Project, Refusal, Scope, Session, Wish,
};
use longrun_dialects::{Fault, Options, Reply, Request, find};

const NAME: &str = "huawei-elb";

fn headers(more: &[(&'static str, &str)]) -> HeaderMap {
    let host = ("host", ENDPOINT.authority);
    let all = more.iter().copied().chain([host]);
    all.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect()
}

/// What is answered to a question at `path`.
fn told(path: &str, outcome: Result<&Answer, &Refusal>) -> Reply {
    let headers = headers(&[("x-auth-token", "t"), ("x-subject-token", "s")]);
    let request = Request {
        method: &Method::GET,
        path,
        query: "",
        headers: &headers,
        body: &[],
    };
    let call = identity::find(&request, &Options::default()).unwrap();
    call.answer(&lent(&ids()), false, outcome)
}

fn project() -> Project {
    Project {
        id: PROJECT.to_owned(),
        name: "eu-de_tests".to_owned(),
    }
}

fn session(scope: Scope) -> Session {
    Session {
        methods: Methods::Password,
        issued_at: SUBMITTED,
        expires_at: SUBMITTED.plus_millis(86_400_000),
        user: "jane".to_owned(),
        account: "acme".to_owned(),
        scope,
    }
}

#[test]
fn answers_are_those_of_the_golden_files() {
    let shown = |scope, catalog| Answer::Shown {
        session: session(scope),
        catalog,
    };
    let filter = Filter {
        kind: Some("elbv1".to_owned()),
        ..Filter::default()
    };
    for (name, answer) in [
        ("versions", Answer::Versions),
        ("version", Answer::Version),
        (
            "token-issued",
            Answer::Issued {
                token: "MIIexample".to_owned(),
                session: session(Scope::Project(project())),
                catalog: true,
            },
        ),
        ("token-no-catalog", shown(Scope::Project(project()), false)),
        ("token-domain", shown(Scope::Domain, true)),
        ("token-unscoped", shown(Scope::Nothing, true)),
        (
            "projects",
            Answer::Projects("acme".to_owned(), vec![project()]),
        ),
        ("project", Answer::Project("acme".to_owned(), project())),
        ("domains", Answer::Domains(vec!["acme".to_owned()])),
        ("catalog", Answer::Catalog(Some(project()))),
        (
            "endpoints",
            Answer::Endpoints(filter.clone(), "eu-de".to_owned()),
        ),
        ("services", Answer::Services(filter)),
    ] {
        let reply = told("/v3/auth/tokens", Ok(&answer));
        check_golden(NAME, &format!("identity-{name}.http"), &reply);
    }
}

#[test]
fn refusals_are_those_of_the_golden_files() {
    let faults = super::golden::faults().into_iter();
    let faults = faults.map(|(fault, _)| (super::golden::file_of(&fault), Refusal::Call(fault)));
    let own = [
        ("wrong-password", Refusal::WrongPassword),
        ("locked", Refusal::Locked { seconds: 300 }),
        ("wrong-scope", Refusal::WrongScope),
        ("unknown-subject", Refusal::UnknownSubject),
        ("unknown-project", Refusal::UnknownProject),
    ];
    for (name, refusal) in faults.chain(own) {
        let reply = told("/v3/projects", Err(&refusal));
        check_golden(NAME, &format!("identity-{name}.http"), &reply);
    }
    // Only who validates a token is told by another status that its own is bad.
    let bad = Refusal::Call(Fault::BadToken);
    assert_eq!(told("/v3/auth/tokens", Err(&bad)).status, 403);
    assert_eq!(told("/v3/auth/projects", Err(&bad)).status, 401);
}

/// Addresses lead to where the caller is: behind a proxy that speaks TLS, over TLS.
#[test]
fn addresses_are_those_that_the_caller_used() {
    for (more, secure, expected) in [
        (&[][..], false, "http://127.0.0.1:8080/v3/"),
        (&[], true, "https://127.0.0.1:8080/v3/"),
        (
            &[("x-forwarded-proto", "https")],
            false,
            "https://127.0.0.1:8080/v3/",
        ),
        (
            &[("x-forwarded-proto", "http")],
            false,
            "http://127.0.0.1:8080/v3/",
        ),
    ] {
        let headers = headers(more);
        let request = Request {
            method: &Method::GET,
            path: "/v3",
            query: "",
            headers: &headers,
            body: &[],
        };
        let call = identity::find(&request, &Options::default()).unwrap();
        let reply = call.answer(&lent(&ids()), secure, Ok(&Answer::Version));
        let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(body["version"]["links"][0]["href"], expected, "{more:?}");
    }
}

/// What is one of the tasks' dialects is no question to the identity service, and the other way round.
#[test]
fn requests_are_told_from_those_of_the_dialects() {
    let project = format!("/v3/{PROJECT}/elb/jobs/x");
    for (method, path, query, accept, is_identity) in [
        (Method::GET, "/", "", "*/*", true),
        (Method::GET, "/", "", "application/json", true),
        (Method::GET, "/", "", "text/html,*/*;q=0.8", false),
        (
            Method::GET,
            "/",
            "Action=DescribeVpcTaskResult",
            "*/*",
            false,
        ),
        (Method::POST, "/", "", "*/*", false),
        (Method::GET, "/v3", "", "*/*", true),
        (Method::POST, "/v3/auth/tokens", "", "*/*", true),
        (Method::GET, "/v3/projects", "name=x", "*/*", true),
        (Method::GET, "/v3/auth/anything", "", "*/*", true),
        (Method::GET, project.as_str(), "", "*/*", false),
        (Method::GET, "/v3x", "", "*/*", false),
        (Method::GET, "/api/v1/operations", "", "*/*", false),
    ] {
        let headers = headers(&[("accept", accept)]);
        let request = Request {
            method: &method,
            path,
            query,
            headers: &headers,
            body: &[],
        };
        let is_dialect = find(&request, &Options::default()).is_some();
        let found = !is_dialect && identity::find(&request, &Options::default()).is_some();
        assert_eq!(found, is_identity, "{method} {path}?{query} {accept}");
        assert!(path == "/" || !(is_identity && is_dialect), "{path}");
    }
}

#[test]
fn what_is_wanted_is_read() {
    let wish = |path: &str, query: &str| {
        let headers = headers(&[("x-subject-token", "s"), ("x-auth-token", "t")]);
        let request = Request {
            method: &Method::GET,
            path,
            query,
            headers: &headers,
            body: &[],
        };
        identity::find(&request, &Options::default()).unwrap().wish
    };
    let projects = |name: Option<&str>, domain: Option<&str>, user: Option<&str>| Wish::Projects {
        name: name.map(str::to_owned),
        domain: domain.map(str::to_owned),
        user: user.map(str::to_owned),
    };
    let show = |catalog| Wish::Show {
        token: "s".to_owned(),
        catalog,
    };
    for (path, query, expected) in [
        ("/v3/auth/tokens", "", show(true)),
        ("/v3/auth/tokens", "nocatalog", show(false)),
        ("/v3/auth/tokens", "nocatalog=1", show(false)),
        ("/v3/projects", "", projects(None, None, None)),
        (
            "/v3/projects",
            "name=eu-de&enabled=true",
            projects(Some("eu-de"), None, None),
        ),
        (
            "/v3/projects",
            "name=&domain_id=d",
            projects(None, Some("d"), None),
        ),
        ("/v3/auth/projects", "name=x", projects(None, None, None)),
        ("/v3/users/u/projects", "", projects(None, None, Some("u"))),
        ("/v3/projects/p", "", Wish::Project("p".to_owned())),
    ] {
        assert_eq!(wish(path, query), Ok(expected), "{path}?{query}");
    }
}
