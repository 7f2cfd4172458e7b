//! Load balancers from their making to their end: what is asked, which jobs it takes, what they change.

use super::{HuaweiElb, PROJECT};
use crate::support::{check_golden, ids, lent, queued_as};
use http::{HeaderMap, Method};
use longrun_dialects::{Dialect, Fault, Managed, Options, Order, Pending, Request, Shelf, Wish};
use longrun_model::Operation;
use serde_json::{Value, json};

const LB: &str =
    r#"{"name":"lb-1","vpc_id":"v1","type":"External","bandwidth":5,"admin_state_up":true}"#;

/// What came of a question.
#[derive(Debug, PartialEq)]
enum Came {
    Told(u16, Value),
    /// The kind of the job and its entities.
    Job(String, Value),
    Refused(Fault),
}

struct Bed {
    shelf: Shelf,
    chance: u128,
    operations: Vec<Operation>,
}

impl Bed {
    fn new() -> Self {
        Self {
            shelf: Shelf::default(),
            chance: 1 << 96,
            operations: Vec::new(),
        }
    }

    fn read(method: &str, path: &str, body: &str) -> Result<Order, Fault> {
        let (method, headers) = (
            Method::from_bytes(method.as_bytes()).unwrap(),
            HeaderMap::new(),
        );
        let path = format!("/v1.0/{PROJECT}/elbaas/{path}");
        let request = Request {
            method: &method,
            path: &path,
            query: "",
            headers: &headers,
            body: body.as_bytes(),
        };
        match HuaweiElb.parse(&request, &Options::default()).wish? {
            Wish::Manage(order) => Ok(*order),
            wish @ (Wish::Submit(_) | Wish::Poll { .. }) => panic!("{wish:?}"),
        }
    }

    /// Asks; a job waits until it is settled.
    fn ask(&mut self, method: &str, path: &str, body: &str) -> Came {
        self.chance += 1 << 64;
        let (ids, chance) = (ids(), self.chance);
        let managed = Self::read(method, path, body)
            .and_then(|order| HuaweiElb.manage(order, &mut self.shelf, &lent(&ids), chance));
        match managed {
            Err(fault) => Came::Refused(fault),
            Ok(Managed::Told(reply)) => {
                let body = serde_json::from_slice(&reply.body).unwrap_or_default();
                Came::Told(reply.status, body)
            }
            Ok(Managed::Submit { order, change }) => {
                self.shelf.pending.push(Pending {
                    change,
                    token: "t".into(),
                    asked_at_millis: 0,
                    operation: None,
                });
                let input: Value = serde_json::from_str(order.input.as_str()).unwrap();
                let resources: Vec<_> = order.resources.iter().map(|it| it.id.as_str()).collect();
                let kind = order.action.kind.as_str();
                let mut operation = queued_as(kind, 7, &resources);
                operation.project = Some(PROJECT.into());
                operation.input = Some(order.input.clone());
                self.operations.push(operation);
                Came::Job(kind.to_owned(), input["entities"].clone())
            }
        }
    }

    /// Lets all jobs end well.
    fn settle(&mut self) {
        for pending in std::mem::take(&mut self.shelf.pending) {
            HuaweiElb.settle(&mut self.shelf.things, &pending.change);
        }
    }

    fn told(&mut self, method: &str, path: &str, body: &str) -> Value {
        match self.ask(method, path, body) {
            Came::Told(200, value) => value,
            other @ (Came::Told(..) | Came::Job(..) | Came::Refused(_)) => {
                panic!("{method} {path}: {other:?}")
            }
        }
    }

    fn job(&mut self, method: &str, path: &str, body: &str) -> (String, Value) {
        match self.ask(method, path, body) {
            Came::Job(kind, entities) => (kind, entities),
            other @ (Came::Told(..) | Came::Refused(_)) => panic!("{method} {path}: {other:?}"),
        }
    }

    /// Makes a load balancer with a listener, and hands back their ids.
    fn furnish(&mut self) -> (String, String) {
        let (_, made) = self.job("POST", "loadbalancers", LB);
        self.settle();
        let id = made["elb"]["id"].as_str().unwrap().to_owned();
        let listener = json!({"loadbalancer_id": id, "name": "l", "protocol": "HTTP", "port": 80,
            "backend_protocol": "HTTP", "backend_port": 8080, "lb_algorithm": "roundrobin"});
        let listener = self.told("POST", "listeners", &listener.to_string());
        (id, listener["id"].as_str().unwrap().to_owned())
    }
}

#[test]
fn a_load_balancer_is_there_when_its_job_has_ended() {
    let mut bed = Bed::new();
    let (kind, made) = bed.job("POST", "loadbalancers", LB);
    let elb = &made["elb"];
    assert_eq!(kind, "createELB");
    assert_eq!(
        (&elb["admin_state_up"], &elb["status"]),
        (&json!(true), &json!("ACTIVE"))
    );
    assert_eq!(
        bed.told("GET", "loadbalancers", "")["loadbalancers"],
        json!([])
    );
    bed.settle();
    let path = format!("loadbalancers/{}", elb["id"].as_str().unwrap());
    let shown = bed.told("GET", &path, "");
    assert_eq!(
        (&shown["name"], &shown["admin_state_up"]),
        (&json!("lb-1"), &json!(1))
    );
    let (kind, changed) = bed.job("PUT", &path, r#"{"bandwidth":9,"admin_state_up":0}"#);
    assert_eq!(
        (kind.as_str(), &changed["elb"]["bandwidth"]),
        ("updateELB", &json!(9))
    );
    // Nobody else changes it meanwhile.
    let busy = bed.ask("DELETE", &path, "");
    assert!(matches!(busy, Came::Refused(Fault::Busy(_))), "{busy:?}");
    bed.settle();
    let (kind, gone) = bed.job("DELETE", &format!("{path}/keep-eip"), "");
    assert_eq!((kind.as_str(), &gone["elb_id"]), ("deleteELB", &elb["id"]));
    bed.settle();
    let unknown = bed.ask("GET", &path, "");
    assert!(
        matches!(unknown, Came::Refused(Fault::NoSuchResource(_))),
        "{unknown:?}"
    );
}

#[test]
fn members_come_and_go_with_jobs() {
    let mut bed = Bed::new();
    let (elb, listener) = bed.furnish();
    let path = format!("listeners/{listener}/members");
    let two = r#"[{"server_id":"s-1","address":"172.16.0.31"},{"server_id":"s-2","address":"172.16.0.32"}]"#;
    let (kind, added) = bed.job("POST", &path, two);
    assert_eq!(
        (kind.as_str(), added["members"].as_array().unwrap().len()),
        ("addMember", 2)
    );
    bed.settle();
    assert_eq!(bed.told("GET", &path, "").as_array().unwrap().len(), 2);
    // What is needed stays.
    for used in [
        format!("listeners/{listener}"),
        format!("loadbalancers/{elb}"),
    ] {
        let refused = bed.ask("DELETE", &used, "");
        assert!(
            matches!(refused, Came::Refused(Fault::ResourceInUse { .. })),
            "{refused:?}"
        );
    }
    let ids = added["members"].as_array().unwrap().iter();
    let ids: Vec<_> = ids.map(|one| json!({ "id": one["id"] })).collect();
    let body = json!({ "removeMember": ids }).to_string();
    let (kind, removed) = bed.job("POST", &format!("{path}/action"), &body);
    assert_eq!(
        (kind.as_str(), &removed["members"]),
        ("removeMember", &json!(ids))
    );
    bed.settle();
    assert_eq!(bed.told("GET", &path, ""), json!([]));
    assert_eq!(
        bed.ask("DELETE", &format!("listeners/{listener}"), ""),
        Came::Told(204, Value::Null)
    );
    bed.job("DELETE", &format!("loadbalancers/{elb}"), "");
}

#[test]
fn what_stands_around_is_done_at_once() {
    let mut bed = Bed::new();
    let (_, listener) = bed.furnish();
    let check = json!({ "listener_id": listener, "healthcheck_uri": "/" }).to_string();
    let check = bed.told("POST", "healthcheck", &check);
    let path = format!("healthcheck/{}", check["id"].as_str().unwrap());
    let changed = bed.told("PUT", &path, r#"{"healthy_threshold":3}"#);
    assert_eq!(
        (&changed["healthy_threshold"], &changed["healthcheck_uri"]),
        (&json!(3), &json!("/"))
    );
    assert_eq!(bed.ask("DELETE", &path, ""), Came::Told(204, Value::Null));
    let secret = r#"{"name":"c","certificate":"PEM","private_key":"5ec4e7"}"#;
    bed.told("POST", "certificate", secret);
    assert_eq!(bed.told("GET", "certificate", "")["instance_num"], 1);
    assert!(!bed.shelf.things.to_string().contains("5ec4e7"));
    assert_eq!(
        bed.told("GET", "quotas", "")["quotas"]["resources"][0]["used"],
        1
    );
}

#[test]
fn what_is_wrong_is_named() {
    let with = |name: &str, value: Value| {
        let mut body: Value = serde_json::from_str(LB).unwrap();
        body[name] = value;
        body.to_string()
    };
    for (body, expected) in [
        (with("name", json!(null)), "`name` is missing"),
        (with("name", json!("a b")), "`name` is not valid"),
        (with("name", json!("x".repeat(65))), "`name` is not valid"),
        (with("name", json!(1)), "`name` must be a text"),
        (
            with("description", json!("<b>")),
            "`description` is not valid",
        ),
        (with("type", json!("Public")), "`type` is not valid"),
        (
            with("type", json!("Internal")),
            "`vip_subnet_id` is missing",
        ),
        (with("bandwidth", json!(null)), "`bandwidth` is missing"),
        (with("bandwidth", json!(0)), "`bandwidth` is not valid"),
        (
            with("admin_state_up", json!(7)),
            "`admin_state_up` is not valid",
        ),
        (
            with("admin_state_up", json!(null)),
            "`admin_state_up` is missing",
        ),
        ("[]".to_owned(), "cannot be read"),
        ("{".to_owned(), "cannot be read"),
    ] {
        let came = Bed::new().ask("POST", "loadbalancers", &body);
        let Came::Refused(fault) = came else {
            panic!("{body}: {came:?}");
        };
        assert!(fault.to_string().contains(expected), "{body}: {fault}");
    }
    let mut bed = Bed::new();
    let unknown = bed.ask("PATCH", "loadbalancers", "");
    assert_eq!(unknown, Came::Refused(Fault::UnknownMethod));
    let unknown = bed.ask("GET", "anything", "");
    assert_eq!(unknown, Came::Refused(Fault::UnknownPath));
}

#[test]
fn answers_are_those_of_the_golden_files() {
    let mut bed = Bed::new();
    bed.job("POST", "loadbalancers", LB);
    let path = format!("/v1.0/{PROJECT}/elbaas/loadbalancers");
    let (method, headers) = (Method::POST, HeaderMap::new());
    let request = Request {
        method: &method,
        path: &path,
        query: "",
        headers: &headers,
        body: LB.as_bytes(),
    };
    let call = HuaweiElb.parse(&request, &Options::default());
    let (ids, operation) = (ids(), &bed.operations[0]);
    let submitted = HuaweiElb.answer(&call.frame, &lent(&ids), Ok(operation));
    check_golden("huawei-elb", "submitted.http", &submitted);
    check_golden(
        "huawei-elb",
        "create-queued.http",
        &super::answer(Ok(operation)),
    );
    let running = crate::support::leased(operation.clone());
    check_golden(
        "huawei-elb",
        "create-running.http",
        &super::answer(Ok(&running)),
    );
}
