//! Where the services are: all of them on this server.

use super::ids::fixed_id;
use super::{Filter, Project};
use serde_json::{Value, json};

/// A service that clients look for.
struct Service {
    /// What they look for.
    kind: &'static str,
    /// The path, up to the project.
    path: &'static str,
    /// Whether the project follows.
    in_project: bool,
}

/// The version stands in the path because clients put their own there by replacing it.
const SERVICES: [Service; 8] = [
    service("identity", "/v3", false),
    service("elbv1", "/v1.0/", true),
    service("compute", "/v2/", true),
    service("ecs", "/v1/", true),
    service("evs", "/v2/", true),
    service("volumev2", "/v2/", true),
    service("sdrs", "/v1/", true),
    // The Go library of the classic load balancer appends all that follows the host.
    service("network", "", false),
];

/// What stands in a URL that is good for any project.
const ANY_PROJECT: &str = "$(tenant_id)s";
/// What only a project can lead to is left out without one.
const REGION_OF_NONE: &str = "";

const fn service(kind: &'static str, path: &'static str, in_project: bool) -> Service {
    Service {
        kind,
        path,
        in_project,
    }
}

impl Service {
    fn id(&self) -> String {
        fixed_id("service", self.kind)
    }

    fn url(&self, base: &str, project: &str) -> String {
        let project = if self.in_project { project } else { "" };
        format!("{base}{}{project}", self.path)
    }

    fn endpoint(&self, base: &str, project: &str, region: &str) -> Value {
        json!({
            "id": fixed_id("endpoint", self.kind),
            "interface": "public",
            "region": region,
            "region_id": region,
            "url": self.url(base, project),
        })
    }

    fn passes(&self, filter: &Filter) -> bool {
        let is = |wanted: &Option<String>, own: &str| wanted.as_deref().is_none_or(|it| it == own);
        is(&filter.kind, self.kind)
            && is(&filter.service, &self.id())
            && is(&filter.interface, "public")
    }
}

/// The catalog of a token: with a project everything, without one only what needs none.
pub(super) fn of(project: Option<&Project>, base: &str) -> Value {
    let (id, region) = project.map_or((None, REGION_OF_NONE), |project| {
        (Some(project.id.as_str()), project.region())
    });
    let reachable = SERVICES
        .iter()
        .filter(|service| id.is_some() || !service.in_project);
    reachable
        .map(|service| {
            json!({
                "id": service.id(),
                "type": service.kind,
                "name": service.kind,
                "endpoints": [service.endpoint(base, id.unwrap_or_default(), region)],
            })
        })
        .collect()
}

/// The endpoints, as a list of their own.
pub(super) fn endpoints(filter: &Filter, base: &str, region: &str) -> Value {
    let passing = SERVICES.iter().filter(|service| service.passes(filter));
    passing
        .map(|service| {
            let mut endpoint = service.endpoint(base, ANY_PROJECT, region);
            endpoint["service_id"] = service.id().into();
            endpoint["enabled"] = true.into();
            endpoint
        })
        .collect()
}

/// The services, as a list of their own.
pub(super) fn services(filter: &Filter) -> Value {
    let passing = SERVICES.iter().filter(|service| service.passes(filter));
    passing
        .map(|service| {
            json!({
                "id": service.id(),
                "type": service.kind,
                "name": service.kind,
                "enabled": true,
            })
        })
        .collect()
}
