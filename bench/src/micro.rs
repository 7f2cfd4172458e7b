//! One step each: reading, proving and answering a poll in each dialect, asking and reading as a client, deciding and
//! applying a report.

use http::HeaderMap;
use longrun_dialects::{
    ALL, Catalogue, Credential, Dialect, Endpoint, Frame, Lent, Options, Request, RequestId,
    Signer, Target,
};
use longrun_model::{
    Command, Finish, FinishStatus, Ids, Json, Operation, OperationKey, Outcome, Report,
    ResourceResult, ResourceStatus, Submission, Timestamp, apply, decide,
};
use std::hint::black_box;
use std::sync::Arc;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const SECRET: &str = "SecretOfTheBenchmarks0000000000000001";
const HOST: &str = "127.0.0.1:8080";

/// A small step with a name.
pub struct Case {
    /// For example `verify tencent-bm`.
    pub name: String,
    /// Does it once.
    pub step: Box<dyn FnMut()>,
}

/// Everything that steps of a dialect need, made once and kept for good.
struct Poll {
    dialect: &'static dyn Dialect,
    request: http::Request<Vec<u8>>,
    headers: HeaderMap,
    operation: Operation,
    ids: Ids,
    catalogue: Arc<Catalogue>,
}

impl Poll {
    fn of(dialect: &'static dyn Dialect) -> Self {
        let ids = Ids::new([7; 16]);
        let operation = finished();
        let text = ids.text(operation.key);
        let id = match dialect.name() {
            "alibaba-bpstudio" => text.prefixed().to_owned(),
            "huawei-elb" | "tencent-vpc3" => text.digits().to_owned(),
            _ => operation.key.get().to_string(),
        };
        let target = Target {
            id: id.into(),
            project: Some("0123456789abcdef0123456789abcdef".into()),
            ..Target::default()
        };
        let endpoint = Endpoint {
            scheme: "http",
            authority: HOST,
        };
        let credential = Credential::AccessKey {
            id: "AKIDLONGRUNBENCH0001".into(),
            secret: SECRET.into(),
            session_token: None,
        };
        let request = dialect
            .poll(&target, &Signer::new(&endpoint, &credential, NOW, 1))
            .expect("an id of its own form can be asked for");
        let mut headers = request.headers().clone();
        headers
            .entry("host")
            .or_insert(http::HeaderValue::from_static(HOST));
        Self {
            dialect,
            request,
            headers,
            operation,
            ids,
            catalogue: Catalogue::built_in(),
        }
    }

    fn request(&self) -> Request<'_> {
        Request {
            method: self.request.method(),
            path: self.request.uri().path(),
            query: self.request.uri().query().unwrap_or_default(),
            headers: &self.headers,
            body: self.request.body(),
        }
    }

    fn answer(&self, frame: &Frame) -> Vec<u8> {
        let lent = Lent {
            ids: &self.ids,
            request_id: RequestId(1),
            now: NOW,
            catalogue: &self.catalogue,
            followed: None,
        };
        self.dialect.answer(frame, &lent, Ok(&self.operation)).body
    }
}

/// All steps.
pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = ALL.into_iter().flat_map(of_dialect).collect();
    cases.extend(of_model());
    cases
}

fn of_dialect(dialect: &'static dyn Dialect) -> Vec<Case> {
    // A few hundred bytes that live as long as the program: steps borrow from each other.
    let poll: &'static Poll = Box::leak(Box::new(Poll::of(dialect)));
    let options: &'static Options = Box::leak(Box::default());
    let call = dialect.parse(&poll.request(), options);
    let claim = call.claim.expect("the poll is signed");
    let proof = claim.proof.expect("the poll is signed with a key");
    let frame = call.frame;
    let body = poll.answer(&frame);
    let name = dialect.name();
    let case = |step: &str, run: Box<dyn FnMut()>| Case {
        name: format!("{step} {name}"),
        step: run,
    };
    vec![
        case(
            "parse",
            Box::new(move || {
                black_box(dialect.parse(&black_box(poll.request()), options));
            }),
        ),
        case(
            "verify",
            Box::new(move || {
                let verified = dialect.verify(black_box(&proof), SECRET.as_bytes(), NOW);
                assert!(verified.is_ok(), "a good signature is refused");
            }),
        ),
        case(
            "answer",
            Box::new(move || {
                black_box(poll.answer(black_box(&frame)));
            }),
        ),
        case(
            "read",
            Box::new(move || {
                let read = dialect.read(200, &HeaderMap::new(), black_box(&body));
                assert!(read.is_ok(), "an answer of its own cannot be read");
            }),
        ),
    ]
}

fn of_model() -> Vec<Case> {
    let submission = submission();
    let waiting = Operation::submitted(key(), submission.clone(), NOW);
    let leased = after(waiting, &lease());
    let report = ending(&leased);
    let decided = decide(&leased, &report, NOW).expect("the fence is right");
    let decide_on = leased.clone();
    vec![
        Case {
            name: "submitted".to_owned(),
            step: Box::new(move || {
                black_box(Operation::submitted(
                    key(),
                    black_box(&submission).clone(),
                    NOW,
                ));
            }),
        },
        Case {
            name: "decide report".to_owned(),
            step: Box::new(move || {
                let decided = decide(black_box(&decide_on), &report, NOW);
                assert!(decided.is_ok(), "a report with the right fence is refused");
            }),
        },
        Case {
            name: "apply report".to_owned(),
            step: Box::new(move || {
                let mut operation = black_box(&leased).clone();
                for event in &decided.events {
                    apply(&mut operation, event);
                }
                black_box(operation);
            }),
        },
    ]
}

fn key() -> OperationKey {
    OperationKey::new(1_000_800_001).expect("it is no zero and not too large")
}

fn submission() -> Submission {
    Submission {
        project: Some("0123456789abcdef0123456789abcdef".into()),
        ..Submission::new("dev", "reboot").with_resources([
            "cpm-3dw23401",
            "cpm-3dw23402",
            "cpm-3dw23403",
            "cpm-3dw23404",
        ])
    }
}

fn lease() -> Command {
    Command::Lease {
        worker: "worker-1".into(),
        length_millis: 30_000,
    }
}

/// The report that ends an operation well, as its worker would send it.
pub fn ending(operation: &Operation) -> Command {
    let results = operation.resources.iter().map(|resource| ResourceResult {
        id: resource.id.clone(),
        outcome: Outcome {
            status: ResourceStatus::Succeeded,
            output: Some(Json::from_checked(r#"{"ok":true}"#)),
            error: None,
        },
    });
    Command::Report(Report {
        fence: operation.fence,
        results: results.collect(),
        finish: Some(Finish {
            status: FinishStatus::Succeeded,
            output: None,
            error: None,
        }),
        ..Report::default()
    })
}

fn after(mut operation: Operation, command: &Command) -> Operation {
    let decided = decide(&operation, command, NOW).expect("the command is possible");
    for event in &decided.events {
        apply(&mut operation, event);
    }
    operation
}

/// An operation with four resources that have succeeded.
fn finished() -> Operation {
    let leased = after(Operation::submitted(key(), submission(), NOW), &lease());
    let report = ending(&leased);
    after(leased, &report)
}
