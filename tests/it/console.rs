//! The console, in a real browser.

use crate::program::{Program, TOKEN};
use crate::python;
use serde_json::{Value, json};

#[test]
fn a_person_finds_watches_and_ends_operations() {
    let Some(python) = python::python() else {
        return;
    };
    let Some(driver) = std::env::var_os("LONGRUN_TEST_CHROMEDRIVER") else {
        eprintln!("skipped: LONGRUN_TEST_CHROMEDRIVER names no driver of a browser");
        return;
    };
    let mut program = Program::start("memory:");
    let url = format!("{}/", program.url());
    let saw = python::saw(
        python::sdk(&python, "console.py")
            .arg(driver)
            .args([&url, TOKEN]),
    );
    let seen: Vec<(&str, &Value)> = saw.iter().map(|(step, saw)| (step.as_str(), saw)).collect();
    let trap = r#"<img src=x onerror="document.title='caught'">"#;
    let steps = [
        (
            "a wrong token",
            json!(["The server does not know this token."]),
        ),
        ("the list", json!(["reboot"])),
        ("the list later", json!(2)),
        ("a filter", json!(1)),
        ("markup in an id", json!(["cpm-1", trap])),
        ("its resources", json!([r#"{"boot_s":41}"#, ""])),
        ("those that are pending", json!(["1 of 2"])),
        ("cancelled", json!(["cancelling"])),
        (
            "its history",
            json!([
                "submitted",
                "leased",
                "reported",
                "cancel requested",
                "ended"
            ]),
        ),
        ("deleted", json!(410)),
        ("many", json!(["60 operations: cancel?", 60])),
        (
            "what is gone",
            json!(["Result deleted: the result has been deleted"]),
        ),
        ("signed out", Value::Null),
        ("the browser's complaints", json!([])),
        ("the title", json!("Longrun")),
    ];
    let steps: Vec<(&str, &Value)> = steps.iter().map(|(step, saw)| (*step, saw)).collect();
    assert_eq!(seen, steps);
    program.check_unharmed("a browser");
}
