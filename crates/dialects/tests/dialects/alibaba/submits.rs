//! Submitting: what is read, what is answered, what is refused.

use crate::support::{check_golden, ids, lent, queued_as};
use http::{HeaderMap, Method};
use longrun_dialects::alibaba_bpstudio::AlibabaBpstudio;
use longrun_dialects::{Call, Dialect, Fault, Options, Order, Request, Wish};

const GOOD: &str = "ServiceType=ecs&Operation=rename&ApplicationId=A1&ClientToken=t-1&ResourceGroupId=rg-1\
    &Attributes=%7B%22instanceId%22%3A%22i-1%22%2C%22name%22%3A%22x%22%7D";

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect()
}

/// Reads a submission whose action stands in the query.
fn with_call<T>(action: &str, form: &str, format: &str, use_it: impl FnOnce(Call) -> T) -> T {
    let headers = headers(&[("content-type", "application/x-www-form-urlencoded")]);
    let query = format!("Action={action}&Version=2021-09-31&Format={format}");
    let request = Request {
        method: &Method::POST,
        path: "/",
        query: &query,
        headers: &headers,
        body: form.as_bytes(),
    };
    use_it(AlibabaBpstudio.parse(&request, &Options::default()))
}

fn order(action: &str, form: &str) -> Result<Order, Fault> {
    with_call(action, form, "JSON", |call| {
        call.wish.map(|wish| match wish {
            Wish::Submit(order) => *order,
            Wish::Manage(_) | Wish::Poll { .. } => panic!("{wish:?}"),
        })
    })
}

#[test]
fn what_is_to_be_done_is_read() {
    let found = order("ExecuteOperationASync", GOOD).unwrap();
    let input = r#"{"ApplicationId":"A1","Attributes":{"instanceId":"i-1","name":"x"},"Operation":"rename","ServiceType":"ecs"}"#;
    assert_eq!(found.input.as_str(), input);
    assert_eq!(found.resources[0].id.as_str(), "i-1");
    assert_eq!(found.resource_group.as_deref(), Some("rg-1"));
    assert_eq!(found.wait_millis, 0);
    assert_eq!(
        found.action.kind.as_str(),
        "alibaba-bpstudio.ExecuteOperation"
    );
    assert_eq!(found.action.retention_millis, Some(3_600_000));
    let waits = order("ExecuteOperationSync", GOOD).unwrap();
    assert!(waits.wait_millis > 0 && waits.action.kind == found.action.kind);
    assert!(found.idempotency_key.is_some() && waits.idempotency_key != found.idempotency_key);
    // The order of what stands in the JSON text makes no difference.
    let turned = GOOD.replace(
        "%22instanceId%22%3A%22i-1%22%2C%22name%22%3A%22x%22",
        "%22name%22%3A%22x%22%2C+%22instanceId%22%3A%22i-1%22",
    );
    assert_ne!(turned, GOOD);
    assert_eq!(
        order("ExecuteOperationASync", &turned).unwrap().input,
        found.input
    );
}

#[test]
fn what_is_wrong_is_named() {
    let long = format!("{GOOD}&x=1").replace("t-1", &"t".repeat(129));
    for (form, expected) in [
        ("", "the parameter `Operation` is missing"),
        ("Operation=a", "the parameter `ServiceType` is missing"),
        (
            "Operation=&ServiceType=a",
            "the parameter `Operation` is missing",
        ),
        (
            "Operation=a&ServiceType=b&Attributes=%7B",
            "the parameter `Attributes` is not valid",
        ),
        (
            "Operation=a&ServiceType=b&Attributes=7",
            "the parameter `Attributes` must be an object",
        ),
        (
            "Operation=a&ServiceType=b&Attributes=%5B1%5D",
            "the parameter `Attributes` must be",
        ),
        ("Operation=a&Operation=b", "it has two values"),
        (long.as_str(), "the parameter `ClientToken` is not valid"),
    ] {
        let fault = order("ExecuteOperationASync", form)
            .unwrap_err()
            .to_string();
        assert!(fault.contains(expected), "{form}: {fault}");
    }
    for form in [
        "Operation=a&ServiceType=b",
        "Operation=a&ServiceType=b&Attributes=",
    ] {
        assert!(
            order("ExecuteOperationSync", form)
                .unwrap()
                .resources
                .is_empty(),
            "{form}"
        );
    }
    let unknown = order("ExecuteOperationAsync", GOOD);
    assert!(
        matches!(unknown, Err(Fault::UnknownAction(_))),
        "{unknown:?}"
    );
}

#[test]
fn answers_are_those_of_the_golden_files() {
    let operation = queued_as("alibaba-bpstudio.ExecuteOperation", 7, &["i-1"]);
    let missing = Fault::MissingParameter("ServiceType".into());
    for (name, action, format, outcome) in [
        ("submitted", "ExecuteOperationASync", "JSON", Ok(&operation)),
        (
            "submitted-xml",
            "ExecuteOperationASync",
            "XML",
            Ok(&operation),
        ),
        (
            "submitted-waited",
            "ExecuteOperationSync",
            "JSON",
            Ok(&operation),
        ),
        (
            "submitted-waited-xml",
            "ExecuteOperationSync",
            "XML",
            Ok(&operation),
        ),
        (
            "submitted-missing",
            "ExecuteOperationASync",
            "JSON",
            Err(&missing),
        ),
        (
            "submitted-mismatch",
            "ExecuteOperationASync",
            "JSON",
            Err(&Fault::IdempotencyMismatch),
        ),
    ] {
        let reply = with_call(action, GOOD, format, |call| {
            assert!(call.frame.action.ends_with(action), "{}", call.frame.action);
            AlibabaBpstudio.answer(&call.frame, &lent(&ids()), outcome)
        });
        check_golden("alibaba-bpstudio", &format!("{name}.http"), &reply);
    }
}
