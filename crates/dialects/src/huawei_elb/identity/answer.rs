//! Writing what the identity service tells.

use super::ids::fixed_id;
use super::{Answer, Methods, Project, Scope, Session, catalog, domain_id, user_id};
use crate::huawei_elb::{REQUEST_ID, digits_of};
use crate::{Lent, Reply, stamp, wire};
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};

/// Where OpenStack's own clients look for the number of a request.
const OPENSTACK_REQUEST_ID: HeaderName = HeaderName::from_static("x-openstack-request-id");
/// Where a new token stands.
const SUBJECT_TOKEN: HeaderName = HeaderName::from_static("x-subject-token");
/// The role that every user has: what somebody may do is said by policies.
const ROLE: &str = "te_admin";

/// Writes an answer; `base` is how this server was reached.
pub(super) fn write(answer: &Answer, base: &str) -> Reply {
    match answer {
        Answer::Versions => {
            let body = json!({ "versions": { "values": [version(base)] } });
            reply(&body).with_status(300)
        }
        Answer::Version => reply(&json!({ "version": version(base) })),
        Answer::Issued {
            token,
            session,
            catalog,
        } => {
            let mut value =
                HeaderValue::from_str(token).expect("a token has letters and digits alone");
            value.set_sensitive(true);
            reply(&json!({ "token": shown(session, *catalog, base) }))
                .with_status(201)
                .with_header(SUBJECT_TOKEN, value)
        }
        Answer::Shown { session, catalog } => {
            reply(&json!({ "token": shown(session, *catalog, base) }))
        }
        Answer::Projects(account, projects) => {
            let projects: Vec<_> = projects
                .iter()
                .map(|one| project(account, one, base))
                .collect();
            list("projects", &projects.into(), base)
        }
        Answer::Project(account, one) => reply(&json!({ "project": project(account, one, base) })),
        Answer::Domains(accounts) => {
            let domains: Vec<_> = accounts
                .iter()
                .map(|account| domain(account, base))
                .collect();
            list("domains", &domains.into(), base)
        }
        Answer::Catalog(project) => list("catalog", &catalog::of(project.as_ref(), base), base),
        Answer::Endpoints(filter, region) => {
            list("endpoints", &catalog::endpoints(filter, base, region), base)
        }
        Answer::Services(filter) => list("services", &catalog::services(filter), base),
    }
}

/// The same with the number of the request, where each family of clients looks for it.
pub(super) fn with_request_id(reply: Reply, lent: &Lent) -> Reply {
    let header = |text: &str| HeaderValue::from_str(text).expect("hexadecimal digits are a header");
    reply
        .with_header(REQUEST_ID, header(&digits_of(lent)))
        .with_header(
            OPENSTACK_REQUEST_ID,
            header(&format!("req-{}", lent.request_id)),
        )
}

fn reply(body: &Value) -> Reply {
    Reply::json(wire::to_json(body))
}

/// All that is asked for fits on one page.
fn list(name: &str, items: &Value, base: &str) -> Reply {
    let links = json!({ "self": format!("{base}/v3/{name}"), "previous": null, "next": null });
    reply(&json!({ name: items, "links": links }))
}

fn version(base: &str) -> Value {
    json!({
        "id": "v3.6",
        "status": "stable",
        "updated": "2016-04-04T00:00:00Z",
        "media-types": [{
            "base": "application/json",
            "type": "application/vnd.openstack.identity-v3+json",
        }],
        "links": [{ "rel": "self", "href": format!("{base}/v3/") }],
    })
}

fn shown(session: &Session, with_catalog: bool, base: &str) -> Value {
    let domain = json!({ "id": domain_id(&session.account), "name": session.account });
    let mut token = json!({
        "methods": [match session.methods {
            Methods::Password => "password",
            Methods::Token => "token",
        }],
        "issued_at": micros(session.issued_at),
        "expires_at": micros(session.expires_at),
        "user": {
            "id": user_id(&domain_id(&session.account), &session.user),
            "name": session.user,
            "password_expires_at": "",
            "domain": domain,
        },
    });
    let catalog = match &session.scope {
        // There is neither a catalog nor a role without something that they are for.
        Scope::Nothing => return token,
        Scope::Domain => {
            token["domain"] = domain;
            catalog::of(None, base)
        }
        Scope::Project(project) => {
            token["project"] = json!({ "id": project.id, "name": project.name, "domain": domain });
            catalog::of(Some(project), base)
        }
    };
    token["roles"] = json!([{ "id": fixed_id("role", ROLE), "name": ROLE }]);
    token["catalog"] = if with_catalog { catalog } else { json!([]) };
    token
}

/// With six digits behind the second, of which we know three.
fn micros(instant: longrun_model::Timestamp) -> String {
    stamp::write_millis(instant).replace('Z', "000Z")
}

fn project(account: &str, project: &Project, base: &str) -> Value {
    let domain = domain_id(account);
    json!({
        "id": project.id,
        "name": project.name,
        "domain_id": domain,
        "parent_id": domain,
        "is_domain": false,
        "enabled": true,
        "description": "",
        "links": { "self": format!("{base}/v3/projects/{}", project.id) },
    })
}

fn domain(account: &str, base: &str) -> Value {
    let id = domain_id(account);
    json!({
        "id": id,
        "name": account,
        "enabled": true,
        "description": "",
        "links": { "self": format!("{base}/v3/domains/{id}") },
    })
}
