//! Every action of the catalogue with what it wants, without what it must have, and with what it does not take.

use crate::support::{check_golden, ids, lent};
use longrun_dialects::catalogue::{Parameter, Type};
use longrun_dialects::{Action, Catalogue, Fault, Format, Frame, Given, Order, Question, named};
use longrun_model::{Operation, OperationKey, Submission, Timestamp};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Those of all dialects, in the order of their names.
fn actions() -> Vec<Arc<Action>> {
    let mut actions: Vec<_> = Catalogue::built_in().iter().cloned().collect();
    actions.sort_by(|one, other| (&one.dialect, &one.name).cmp(&(&other.dialect, &other.name)));
    assert!(actions.len() > 80, "the catalogue has {}", actions.len());
    actions
}

/// A value that the parameter takes.
fn good(parameter: &Parameter) -> Value {
    if let Some(choice) = parameter.choices.first() {
        return choice.clone();
    }
    let number = parameter.min.unwrap_or(1);
    let length = usize::try_from(number.max(3)).unwrap();
    match parameter.kind {
        Type::Text => json!("a".repeat(length)),
        Type::Integer | Type::Number => json!(number),
        Type::Boolean => json!(true),
        Type::Texts => json!(["a-1", "a-2"]),
        Type::Integers => json!([1, 2]),
        Type::List => json!([{ "a": 1 }]),
        Type::Object => json!({ "a": 1 }),
        Type::Any => json!("a"),
    }
}

/// A value of another type, if there is any that it does not take.
fn wrong(parameter: &Parameter) -> Option<Value> {
    match parameter.kind {
        Type::Text | Type::Object => Some(json!([1])),
        Type::Integer | Type::Number | Type::Boolean => Some(json!("seven")),
        Type::Texts | Type::Integers | Type::List => Some(json!({ "a": 1 })),
        Type::Any => None,
    }
}

fn all(action: &Action) -> Map<String, Value> {
    let parameters = action.parameters.iter();
    let mut all: Map<String, Value> = parameters
        .map(|it| (it.name.to_string(), good(it)))
        .collect();
    for source in &action.resources {
        let parts: Vec<&str> = source.from.split('.').collect();
        let [first, way @ ..] = &parts[..] else {
            panic!("{} has a source without a name", action.name);
        };
        if way.iter().any(|part| *part != "N") {
            all.insert((*first).to_owned(), at(way));
        }
    }
    all
}

/// A value with a name at the end of this way.
fn at(way: &[&str]) -> Value {
    match way {
        [] => json!("a-1"),
        ["N", rest @ ..] => json!([at(rest)]),
        [field, rest @ ..] => json!({ *field: at(rest) }),
    }
}

fn order(action: &Arc<Action>, parameters: Map<String, Value>) -> Result<Order, Fault> {
    action.order(Given::typed(&Value::Object(parameters).to_string())?)
}

/// Answers a fault in the words of the action's dialect.
fn refused(action: &Arc<Action>, fault: &Fault) -> String {
    let ids = ids();
    let frame = frame(action);
    let dialect = named(&action.dialect).expect("the table was checked");
    let reply = dialect.answer(&frame, &lent(&ids), Err(fault));
    String::from_utf8(reply.body).expect("answers are UTF-8")
}

fn frame(action: &Arc<Action>) -> Frame<'static> {
    Frame {
        action: action.policy_name.to_string().into(),
        question: Question::Submit(Arc::clone(action)),
        format: Format::Json,
        host: "127.0.0.1",
    }
}

#[test]
fn with_all_that_it_wants_an_action_is_taken() {
    for action in actions() {
        let order =
            order(&action, all(&action)).unwrap_or_else(|fault| panic!("{}: {fault}", action.name));
        let input: Map<String, Value> = serde_json::from_str(order.input.as_str()).unwrap();
        assert_eq!(input.len(), action.parameters.len(), "{}", action.name);
        for secret in action.parameters.iter().filter(|it| it.secret) {
            assert_eq!(input[&*secret.stored], "***", "{}", action.name);
        }
        assert_eq!(
            order.resources.is_empty(),
            action.resources.is_empty(),
            "{}",
            action.name
        );
    }
}

#[test]
fn without_what_it_must_have_an_action_is_refused() {
    for action in actions() {
        for parameter in action.parameters.iter().filter(|it| it.required) {
            let mut parameters = all(&action);
            parameters.remove(&*parameter.name);
            let fault = order(&action, parameters).unwrap_err();
            let expected = Fault::MissingParameter(parameter.name.to_string().into());
            assert_eq!(fault, expected, "{}", action.name);
            let told = refused(&action, &fault);
            assert!(told.contains(&*parameter.name), "{}: {told}", action.name);
        }
    }
}

#[test]
fn with_what_it_does_not_take_an_action_is_refused() {
    for action in actions() {
        for parameter in &action.parameters {
            let Some(wrong) = wrong(parameter) else {
                continue;
            };
            let mut parameters = all(&action);
            parameters.insert(parameter.name.to_string(), wrong);
            let fault = order(&action, parameters).unwrap_err();
            let expected = Fault::WrongType {
                name: parameter.name.to_string().into(),
                expected: parameter.kind.words(),
            };
            assert_eq!(fault, expected, "{}", action.name);
            let told = refused(&action, &fault);
            assert!(told.contains(&*parameter.name), "{}: {told}", action.name);
        }
    }
}

/// What is answered to Tencent's submissions, one file for each form.
#[test]
fn tencent_submissions_are_answered_as_documented() {
    for (dialect, name, file) in [
        ("tencent-bm", "RebootDevice", "bm/submitted.txt"),
        ("tencent-bm", "ShutdownDevice", "bm/submitted-null.txt"),
        ("tencent-vpc", "ModifyService", "vpc/submitted.txt"),
        ("tencent-bm3", "ShutdownDevices", "bm3/submitted.txt"),
        ("tencent-vpc3", "DeleteHaVip", "vpc3/submitted.txt"),
        (
            "tencent-vpc3",
            "ReleaseAddresses",
            "vpc3/submitted-number.txt",
        ),
    ] {
        let catalogue = Catalogue::built_in();
        let action = catalogue.find(dialect, name).expect("it is built in");
        let key = OperationKey::new(297).expect("it is a key");
        let submission = Submission::new("acme", action.kind.clone()).with_resources(["a-1"]);
        let operation = Operation::submitted(key, submission, Timestamp::default());
        let ids = ids();
        let reply = named(dialect).expect("it is a dialect").answer(
            &frame(action),
            &lent(&ids),
            Ok(&operation),
        );
        check_golden("tencent", file, &reply);
    }
}
