//! From what is asked of the things to what becomes of them.

use super::job::with_entities;
use super::things::{Change, Project, Sort, Thing, Things, find, user_of};
use crate::huawei_elb::{REQUEST_ID, digits_of};
use crate::{Fault, Lent, Managed, Order, Reply, Shelf, stamp, wire};
use http::HeaderValue;
use serde::Deserialize;
use serde_json::{Value, json};

/// How many load balancers, and how many listeners, a project may have.
const LOADBALANCERS_MAX: usize = 500;
const LISTENERS_MAX: usize = 5_000;

/// One question, and all that is needed for its answer.
struct Desk<'a> {
    project_id: String,
    project: &'a mut Project,
    pending: Vec<Change>,
    input: Thing,
    now: String,
    chance: u128,
}

/// What becomes of a question.
enum Outcome {
    Told(u16, Value),
    Job { entities: Value, change: Change },
}

/// Whether an action is about things that are kept here. Others that users add to the catalogue are operations alone.
pub(crate) fn manages(action: &str) -> bool {
    const SORTS: [&str; 5] = [
        "Loadbalancer",
        "Listener",
        "Member",
        "Healthcheck",
        "Certificate",
    ];
    action == "showQuotas" || SORTS.iter().any(|sort| action.contains(sort))
}

/// Does what an order asks of the things of a project.
pub(crate) fn manage(
    mut order: Order,
    shelf: &mut Shelf,
    lent: &Lent,
    chance: u128,
) -> Result<Managed, Fault> {
    let mut things = Things::read(&shelf.things).map_err(|_| Fault::Internal)?;
    let mut input: Thing = serde_json::from_str(order.input.as_str())
        .expect("the input of an order is an object that was written here");
    let project_id = take(&mut input, "project_id").unwrap_or_default();
    let pending = shelf.pending.iter();
    let mut desk = Desk {
        project: things.project(&project_id),
        project_id,
        pending: pending
            .filter_map(|pending| Change::deserialize(&pending.change).ok())
            .collect(),
        input,
        now: moment(lent),
        chance,
    };
    let outcome = desk.carry_out(&order.action.name)?;
    let input = desk.input;
    match outcome {
        Outcome::Told(status, body) => {
            if !order.action.reads {
                shelf.things = things.write();
            }
            Ok(Managed::Told(told(status, &body, lent)))
        }
        Outcome::Job { entities, change } => {
            order.input = with_entities(&input, entities);
            Ok(Managed::Submit {
                order: Box::new(order),
                change: json!(change),
            })
        }
    }
}

fn told(status: u16, body: &Value, lent: &Lent) -> Reply {
    let bytes = match status {
        204 => Vec::new(),
        _ => wire::to_json(body),
    };
    let id = HeaderValue::from_str(&digits_of(lent)).expect("hexadecimal digits are a header");
    Reply::json(bytes)
        .with_status(status)
        .with_header(REQUEST_ID, id)
}

/// Things have another form of time than jobs.
fn moment(lent: &Lent) -> String {
    let text = stamp::write_seconds(lent.now);
    text.replace('T', " ").replace('Z', "")
}

fn take(input: &mut Thing, name: &str) -> Option<String> {
    match input.remove(name) {
        Some(Value::String(text)) => Some(text),
        Some(_) | None => None,
    }
}

fn invalid(name: &'static str, reason: &'static str) -> Fault {
    Fault::InvalidParameter {
        name: name.into(),
        reason,
    }
}

impl Desk<'_> {
    fn carry_out(&mut self, action: &str) -> Result<Outcome, Fault> {
        match action {
            "createLoadbalancer" => self.create_loadbalancer(),
            "updateLoadbalancer" => self.update_loadbalancer(),
            "deleteLoadbalancer" => self.delete_loadbalancer(false),
            "deleteLoadbalancerKeepEip" => self.delete_loadbalancer(true),
            "showLoadbalancer" => {
                let id = self.text("loadbalancer_id");
                show(&self.project.loadbalancers, &id)
            }
            "listLoadbalancers" => {
                let all: Vec<_> = self.project.loadbalancers.values().collect();
                Ok(Outcome::Told(200, json!({ "loadbalancers": all })))
            }
            "addMembers" => self.add_members(),
            "removeMembers" => self.remove_members(),
            "listMembers" => {
                let id = self.text("listener_id");
                find(&self.project.listeners, &id)?;
                let own = |member: &&Thing| member.get("listener_id").is_some_and(|it| *it == id);
                let own: Vec<_> = self.project.members.values().filter(own).collect();
                Ok(Outcome::Told(200, json!(own)))
            }
            "showQuotas" => {
                let quota = |kind: &str, used: usize, max: usize| json!({ "type": kind, "used": used, "quota": max, "min": 0, "max": max });
                let resources = [
                    quota("elb", self.project.loadbalancers.len(), LOADBALANCERS_MAX),
                    quota("listener", self.project.listeners.len(), LISTENERS_MAX),
                ];
                Ok(Outcome::Told(
                    200,
                    json!({ "quotas": { "resources": resources } }),
                ))
            }
            other => self.at_once(other),
        }
    }

    /// What the cloud does without a job, to things that are alike but for what they refer to.
    fn at_once(&mut self, action: &str) -> Result<Outcome, Fault> {
        match action {
            "createListener" => {
                self.check_listener()?;
                Ok(self.create(|project| &mut project.listeners))
            }
            "updateListener" => self.update("listener_id", |project| &mut project.listeners),
            "deleteListener" => {
                let id = self.text("listener_id");
                self.check_free(&id)?;
                let users = [&self.project.members, &self.project.healthchecks];
                unused(&id, users.map(|sort| user_of(sort, "listener_id", &id)))?;
                self.delete("listener_id", |project| &mut project.listeners)
            }
            "showListener" => show(&self.project.listeners, &self.text("listener_id")),
            "listListeners" => {
                let wanted = self.input.get("loadbalancer_id").cloned();
                let fits = |one: &&Thing| {
                    let own = one.get("loadbalancer_id");
                    wanted.is_none() || own == wanted.as_ref()
                };
                let own: Vec<_> = self.project.listeners.values().filter(fits).collect();
                Ok(Outcome::Told(200, json!(own)))
            }
            "createHealthcheck" => {
                find(&self.project.listeners, &self.text("listener_id"))?;
                Ok(self.create(|project| &mut project.healthchecks))
            }
            "updateHealthcheck" => {
                self.update("healthcheck_id", |project| &mut project.healthchecks)
            }
            "deleteHealthcheck" => {
                self.delete("healthcheck_id", |project| &mut project.healthchecks)
            }
            "showHealthcheck" => show(&self.project.healthchecks, &self.text("healthcheck_id")),
            "createCertificate" => Ok(self.create(|project| &mut project.certificates)),
            "updateCertificate" => {
                self.update("certificate_id", |project| &mut project.certificates)
            }
            "deleteCertificate" => {
                let id = self.text("certificate_id");
                unused(
                    &id,
                    [user_of(&self.project.listeners, "certificate_id", &id)],
                )?;
                self.delete("certificate_id", |project| &mut project.certificates)
            }
            "listCertificates" => {
                let all: Vec<_> = self.project.certificates.values().collect();
                let body = json!({ "certificates": all, "instance_num": all.len() });
                Ok(Outcome::Told(200, body))
            }
            other => Err(Fault::UnknownAction(other.to_owned())),
        }
    }

    fn text(&self, name: &str) -> String {
        let value = self.input.get(name).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    }

    /// A new id; `number` tells those of one question apart.
    fn id(&self, number: usize) -> String {
        format!("{:032x}", self.chance.wrapping_add(number as u128))
    }

    /// Fails if a job changes this load balancer or listener already.
    fn check_free(&self, subject: &str) -> Result<(), Fault> {
        let is_busy =
            |change: &Change| change.project == self.project_id && change.subject == subject;
        if self.pending.iter().any(is_busy) {
            return Err(Fault::Busy(subject.into()));
        }
        Ok(())
    }

    fn change(&self, subject: &str) -> Change {
        Change {
            project: self.project_id.clone(),
            subject: subject.to_owned(),
            put: Sort::new(),
            add: Sort::new(),
            remove: Vec::new(),
        }
    }

    fn create_loadbalancer(&mut self) -> Result<Outcome, Fault> {
        self.check_loadbalancer()?;
        let waiting = self
            .pending
            .iter()
            .filter(|it| it.project == self.project_id);
        let waiting: usize = waiting.map(|it| it.put.len()).sum();
        if self.project.loadbalancers.len() + waiting >= LOADBALANCERS_MAX {
            return Err(Fault::LimitReached {
                what: "load balancers",
                max: LOADBALANCERS_MAX,
            });
        }
        let id = self.id(0);
        let mut thing = self.input.clone();
        thing.entry("tenant_id").or_insert(json!(self.project_id));
        // From the range that is kept for examples.
        let address = format!("192.0.2.{}", self.chance % 254 + 1);
        thing.entry("vip_address").or_insert(json!(address));
        for (name, value) in [
            ("id", json!(id)),
            ("status", json!("ACTIVE")),
            ("create_time", json!(self.now)),
            ("update_time", json!(self.now)),
        ] {
            thing.insert(name.to_owned(), value);
        }
        let mut change = self.change(&id);
        let entities = elb(&thing);
        change.put.insert(id, thing);
        Ok(Outcome::Job { entities, change })
    }

    fn update_loadbalancer(&mut self) -> Result<Outcome, Fault> {
        let id = self.text("loadbalancer_id");
        let mut thing = find(&self.project.loadbalancers, &id)?.clone();
        self.check_free(&id)?;
        self.check_words()?;
        self.check_state()?;
        let given = self
            .input
            .iter()
            .filter(|(name, _)| *name != "loadbalancer_id");
        let given: Vec<_> = given
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if given.is_empty() {
            return Err(invalid("body", "it changes nothing"));
        }
        thing.extend(given);
        thing.insert("update_time".to_owned(), json!(self.now));
        let mut change = self.change(&id);
        let entities = elb(&thing);
        change.put.insert(id, thing);
        Ok(Outcome::Job { entities, change })
    }

    fn delete_loadbalancer(&mut self, keeps_address: bool) -> Result<Outcome, Fault> {
        let id = self.text("loadbalancer_id");
        let thing = find(&self.project.loadbalancers, &id)?;
        if keeps_address && thing.get("type").is_some_and(|it| it == "Internal") {
            return Err(invalid(
                "loadbalancer_id",
                "an internal one has no address to keep",
            ));
        }
        self.check_free(&id)?;
        unused(
            &id,
            [user_of(&self.project.listeners, "loadbalancer_id", &id)],
        )?;
        let mut change = self.change(&id);
        change.remove.push(id.clone());
        Ok(Outcome::Job {
            entities: json!({ "elb_id": id }),
            change,
        })
    }

    fn add_members(&mut self) -> Result<Outcome, Fault> {
        let listener = self.text("listener_id");
        find(&self.project.listeners, &listener)?;
        self.check_free(&listener)?;
        let mut change = self.change(&listener);
        let mut shown = Vec::new();
        for (number, member) in self.list("members").into_iter().enumerate() {
            let Some(server) = member.get("server_id").and_then(Value::as_str) else {
                return Err(Fault::MissingParameter("server_id".into()));
            };
            let Some(address) = member.get("address").and_then(Value::as_str) else {
                return Err(Fault::MissingParameter("address".into()));
            };
            if address.parse::<std::net::IpAddr>().is_err() {
                return Err(invalid("address", "it is no IP address"));
            }
            let id = self.id(number);
            let thing = json!({
                "id": id, "server_id": server, "server_address": address, "address": address,
                "status": "ACTIVE", "health_status": "NORMAL", "listener_id": listener,
                "listeners": [{ "id": listener }], "create_time": self.now, "update_time": self.now,
            });
            let Value::Object(thing) = thing else {
                continue;
            };
            shown.push(json!({ "id": id, "server_id": server, "address": address }));
            change.add.insert(id, thing);
        }
        Ok(Outcome::Job {
            entities: json!({ "listener_id": listener, "members": shown }),
            change,
        })
    }

    fn remove_members(&mut self) -> Result<Outcome, Fault> {
        let listener = self.text("listener_id");
        find(&self.project.listeners, &listener)?;
        self.check_free(&listener)?;
        let mut change = self.change(&listener);
        for member in self.list("members") {
            let Some(id) = member.get("id").and_then(Value::as_str) else {
                return Err(Fault::MissingParameter("id".into()));
            };
            let own = find(&self.project.members, id)?;
            if own.get("listener_id").is_none_or(|it| *it != listener) {
                return Err(Fault::NoSuchResource(id.into()));
            }
            change.remove.push(id.to_owned());
        }
        let shown = change.remove.iter().map(|id| json!({ "id": id }));
        let shown: Vec<Value> = shown.collect();
        Ok(Outcome::Job {
            entities: json!({ "listener_id": listener, "members": shown }),
            change,
        })
    }

    fn list(&self, name: &str) -> Vec<Value> {
        let found = self.input.get(name).and_then(Value::as_array);
        found.cloned().unwrap_or_default()
    }

    fn create(&mut self, sort: fn(&mut Project) -> &mut Sort) -> Outcome {
        let id = self.id(0);
        let mut thing = self.input.clone();
        for (name, value) in [
            ("id", json!(id)),
            ("status", json!("ACTIVE")),
            ("admin_state_up", json!(true)),
            ("create_time", json!(self.now)),
            ("update_time", json!(self.now)),
        ] {
            thing.insert(name.to_owned(), value);
        }
        let shown = json!(thing);
        sort(self.project).insert(id, thing);
        Outcome::Told(200, shown)
    }

    fn update(&mut self, key: &str, sort: fn(&mut Project) -> &mut Sort) -> Result<Outcome, Fault> {
        let id = self.text(key);
        let thing = sort(self.project).get_mut(&id);
        let thing = thing.ok_or_else(|| Fault::NoSuchResource(id.as_str().into()))?;
        self.input.remove(key);
        thing.append(&mut self.input);
        thing.insert("update_time".to_owned(), json!(self.now));
        Ok(Outcome::Told(200, json!(thing)))
    }

    fn delete(&mut self, key: &str, sort: fn(&mut Project) -> &mut Sort) -> Result<Outcome, Fault> {
        let id = self.text(key);
        match sort(self.project).remove(&id) {
            Some(_) => Ok(Outcome::Told(204, Value::Null)),
            None => Err(Fault::NoSuchResource(id.into())),
        }
    }

    fn check_loadbalancer(&mut self) -> Result<(), Fault> {
        self.check_words()?;
        self.check_state()?;
        // One library writes the name of this one in small letters.
        if let Some(tenant) = self.input.remove("tenantid") {
            self.input.entry("tenant_id").or_insert(tenant);
        }
        let has = |name: &str| self.input.contains_key(name);
        if self.text("type") == "External" {
            if !has("bandwidth") && !has("vip_address") {
                return Err(Fault::MissingParameter("bandwidth".into()));
            }
            return Ok(());
        }
        let needed = ["vip_subnet_id", "security_group_id", "tenant_id"];
        match needed.into_iter().find(|name| !has(name)) {
            Some("tenant_id") => Err(Fault::MissingParameter("tenantId".into())),
            Some(name) => Err(Fault::MissingParameter(name.into())),
            None => Ok(()),
        }
    }

    fn check_words(&self) -> Result<(), Fault> {
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
        if !self.text("name").chars().all(is_plain) {
            return Err(invalid("name", "it has letters, digits, `_` and `-`"));
        }
        if self.text("description").contains(['<', '>']) {
            return Err(invalid("description", "it has `<` or `>` in it"));
        }
        Ok(())
    }

    /// Clients write `admin_state_up` as a truth or as a number, and read it as a number of the thing and as a truth of
    /// the job.
    fn check_state(&mut self) -> Result<(), Fault> {
        let number = match self.input.get("admin_state_up") {
            None => return Ok(()),
            Some(Value::Bool(up)) => i64::from(*up),
            Some(value) => match value.as_i64() {
                Some(number @ 0..=2) => number,
                Some(_) | None => {
                    return Err(invalid("admin_state_up", "it is true, false, 0, 1 or 2"));
                }
            },
        };
        self.input
            .insert("admin_state_up".to_owned(), json!(number));
        Ok(())
    }

    fn check_listener(&self) -> Result<(), Fault> {
        self.check_words()?;
        let id = self.text("loadbalancer_id");
        find(&self.project.loadbalancers, &id)?;
        self.check_free(&id)?;
        if self.project.listeners.len() >= LISTENERS_MAX {
            return Err(Fault::LimitReached {
                what: "listeners",
                max: LISTENERS_MAX,
            });
        }
        let certificate = self.text("certificate_id");
        if certificate.is_empty() {
            return Ok(());
        }
        find(&self.project.certificates, &certificate).map(|_| ())
    }
}

fn show(sort: &Sort, id: &str) -> Result<Outcome, Fault> {
    Ok(Outcome::Told(200, json!(find(sort, id)?)))
}

/// Fails if anything needs the thing with this id.
fn unused<const N: usize>(id: &str, users: [Option<&str>; N]) -> Result<(), Fault> {
    match users.into_iter().flatten().next() {
        None => Ok(()),
        Some(by) => Err(Fault::ResourceInUse {
            id: id.into(),
            by: by.into(),
        }),
    }
}

/// A load balancer as its jobs show it.
fn elb(thing: &Thing) -> Value {
    let shown = [
        "id",
        "name",
        "type",
        "status",
        "bandwidth",
        "vip_address",
        "tenant_id",
        "vpc_id",
    ];
    let mut elb = Thing::new();
    for name in shown {
        if let Some(value) = thing.get(name) {
            elb.insert(name.to_owned(), value.clone());
        }
    }
    let state = thing.get("admin_state_up").and_then(Value::as_i64);
    elb.insert("admin_state_up".to_owned(), json!(state == Some(1)));
    json!({ "elb": elb })
}
