//! Answers byte by byte, and the document's own example.

use super::states::{faults, finish, report, states};
use super::{FOLDER, NAME, dialect, file, frame};
use crate::support::{check_golden, finished, ids, leased, lent, queued};
use http::HeaderMap;
use longrun_dialects::{Fault, Format, Watched};
use longrun_model::{FinishStatus, Progress, Report};
use serde_json::Value;

#[test]
fn answers_are_golden() {
    let ids = ids();
    for (name, operation, _) in states() {
        for (format, ending) in [(Format::Json, "json"), (Format::Xml, "xml")] {
            let reply = dialect().answer(&frame(format), &lent(&ids), Ok(&operation));
            check_golden(NAME, &format!("{name}.{ending}.http"), &reply);
        }
    }
}

#[test]
fn refusals_are_golden() {
    let ids = ids();
    for (name, fault) in faults() {
        for (format, ending) in [(Format::Json, "json"), (Format::Xml, "xml")] {
            let reply = dialect().answer(&frame(format), &lent(&ids), Err(&fault));
            check_golden(NAME, &format!("fault-{name}.{ending}.http"), &reply);
        }
    }
}

/// Nobody learns whether an operation was there.
#[test]
fn unknown_and_deleted_are_answered_alike() {
    for format in [Format::Json, Format::Xml] {
        let answer = |fault| dialect().answer(&frame(format), &lent(&ids()), Err(&fault));
        assert_eq!(answer(Fault::NotFound), answer(Fault::Gone));
    }
}

/// The document's example, with its damage repaired: the quotes around both messages are gone, the status is one word
/// and not the list of all four, and the JSON in `Arguments` is compact.
#[test]
fn the_example_of_the_document_is_answered() {
    let mut expected = file("seed/succeeded.json");
    let data = &expected["Data"];
    let message = data["Message"].as_str().unwrap().into();
    let output = data["Arguments"].as_str().unwrap().to_owned();
    let progress = Progress {
        percent: None,
        message: Some(message),
    };
    let told = Report {
        progress,
        ..Report::default()
    };
    let operation = report(leased(queued(297, &["rsp-xxxx"])), told);
    let operation = finished(operation, finish(FinishStatus::Succeeded, Some(&output)));
    let ids = ids();
    let lent = lent(&ids);
    let reply = dialect().answer(&frame(Format::Json), &lent, Ok(&operation));
    expected["RequestId"] = lent.request_id.to_string().to_uppercase().into();
    expected["Data"]["OperationId"] = ids.text(operation.key).prefixed().into();
    assert_eq!(
        serde_json::from_slice::<Value>(&reply.body).unwrap(),
        expected
    );
}

/// The document's example as it is printed says nothing that a client could rely on, and is read all the same.
#[test]
fn the_example_of_the_document_is_read() {
    let printed = std::fs::read(format!("{FOLDER}/seed/as-printed.json")).unwrap();
    let observed = dialect().read(200, &HeaderMap::new(), &printed).unwrap();
    assert!(matches!(&observed.state, Watched::Unclear(word) if word.starts_with("初始化:INIT")));
    assert!(
        observed
            .message
            .unwrap()
            .starts_with(r#"[{"vServerGroupId":"rsp-xxxx""#)
    );
    let output = observed.output.unwrap();
    assert_eq!(
        output.as_str(),
        r#"{"tagMap":{"cadt":["12xxxxxxx","34xxxxxxx"]}}"#
    );
}
