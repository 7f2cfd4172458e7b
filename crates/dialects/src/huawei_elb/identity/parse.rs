//! Reading a request: what is wanted of the identity service, and who asks.

use super::{Call, Filter, Wish, login};
use crate::huawei_elb::parse::claim;
use crate::{Fault, Options, Request, form};
use http::Method;

/// What a path stands for.
enum Place<'a> {
    Versions,
    Version,
    Tokens,
    OwnProjects,
    Projects,
    Project(&'a str),
    UserProjects(&'a str),
    Domains,
    Catalog,
    Endpoints,
    Services,
    /// Nothing is served there.
    Unknown,
}

/// Whether a path below `/v3/` belongs to this service.
pub(super) fn is_identity(path: &str) -> bool {
    place(path).is_some()
}

/// Reads a request, if it is one to this service.
pub(super) fn parse<'a>(request: &Request<'a>, options: &Options) -> Option<Call<'a>> {
    let place = place(request.path)?;
    let is_open = match place {
        // People who look in with a browser want to see something else there.
        Place::Versions if !asks_for_versions(request) => return None,
        Place::Versions | Place::Version => true,
        Place::Tokens => request.method == Method::POST,
        Place::OwnProjects
        | Place::Projects
        | Place::Project(_)
        | Place::UserProjects(_)
        | Place::Domains
        | Place::Catalog
        | Place::Endpoints
        | Place::Services
        | Place::Unknown => false,
    };
    let forwarded = request.header("x-forwarded-proto").unwrap_or_default();
    Some(Call {
        claim: (!is_open).then(|| claim(request, options)),
        host: request.host(),
        forwarded_secure: forwarded.eq_ignore_ascii_case("https"),
        validates: !is_open && matches!(place, Place::Tokens),
        wish: wish(&place, request),
    })
}

fn place(path: &str) -> Option<Place<'_>> {
    let rest = match path {
        "/" => return Some(Place::Versions),
        "/v3" | "/v3/" => return Some(Place::Version),
        _ => path.strip_prefix("/v3/")?,
    };
    Some(match rest.split_once('/').unwrap_or((rest, "")) {
        ("auth", "tokens") => Place::Tokens,
        ("auth", "projects") => Place::OwnProjects,
        ("auth", "domains") => Place::Domains,
        ("auth", "catalog") => Place::Catalog,
        ("auth", _) => Place::Unknown,
        ("projects", "") => Place::Projects,
        ("projects", id) => Place::Project(id),
        ("users", rest) => match rest.split_once('/') {
            Some((id, "projects")) => Place::UserProjects(id),
            Some(_) | None => Place::Unknown,
        },
        ("endpoints", "") => Place::Endpoints,
        ("services", "") => Place::Services,
        _ => return None,
    })
}

fn asks_for_versions(request: &Request) -> bool {
    let accept = request.header("accept").unwrap_or_default();
    matches!(*request.method, Method::GET | Method::HEAD)
        && request.query.is_empty()
        && !accept.contains("text/html")
}

fn wish(place: &Place, request: &Request) -> Result<Wish, Fault> {
    let parameters = Parameters::read(request)?;
    if matches!(place, Place::Tokens) && request.method == Method::POST {
        return login::read(request.body, parameters.wants_catalog()).map(Wish::Issue);
    }
    if matches!(place, Place::Unknown) {
        return Err(Fault::UnknownPath);
    }
    if !matches!(*request.method, Method::GET | Method::HEAD) {
        return Err(Fault::UnknownMethod);
    }
    Ok(match place {
        Place::Versions => Wish::Versions,
        Place::Version => Wish::Version,
        Place::Tokens => Wish::Show {
            token: subject(request)?,
            catalog: parameters.wants_catalog(),
        },
        Place::OwnProjects => Wish::Projects {
            name: None,
            domain: None,
            user: None,
        },
        Place::Projects => Wish::Projects {
            name: parameters.get("name"),
            domain: parameters.get("domain_id"),
            user: None,
        },
        Place::UserProjects(id) => Wish::Projects {
            name: parameters.get("name"),
            domain: None,
            user: Some((*id).to_owned()),
        },
        Place::Project(id) => Wish::Project((*id).to_owned()),
        Place::Domains => Wish::Domains {
            name: parameters.get("name"),
        },
        Place::Catalog => Wish::Catalog {
            project: request.header("x-project-id").map(str::to_owned),
        },
        Place::Endpoints => Wish::Endpoints(parameters.filter()),
        Place::Services => Wish::Services(parameters.filter()),
        Place::Unknown => return Err(Fault::UnknownPath),
    })
}

fn subject(request: &Request) -> Result<String, Fault> {
    match request.header("x-subject-token") {
        None | Some("") => Err(Fault::MissingParameter("X-Subject-Token".into())),
        Some(token) => Ok(token.to_owned()),
    }
}

/// What stands behind the question mark. What means nothing is no error: every client has something of its own.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn read(request: &Request) -> Result<Self, Fault> {
        let parameters = form::parameters(request.query.as_bytes())?;
        let owned = parameters
            .into_iter()
            .map(|(name, value)| (name.into_owned(), value.into_owned()));
        Ok(Self(owned.collect()))
    }

    /// The value of a parameter, unless it is empty.
    fn get(&self, name: &str) -> Option<String> {
        let found = self.0.iter().find(|(found, _)| found == name);
        found
            .map(|(_, value)| value.clone())
            .filter(|value| !value.is_empty())
    }

    /// OpenStack's own session leaves the value out, this cloud's page wants one.
    fn wants_catalog(&self) -> bool {
        !self.0.iter().any(|(name, _)| name == "nocatalog")
    }

    fn filter(&self) -> Filter {
        Filter {
            kind: self.get("type"),
            service: self.get("service_id"),
            interface: self.get("interface"),
        }
    }
}
