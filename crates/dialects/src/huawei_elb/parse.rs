//! Reading a request: which job is meant, and who asks.
//!
//! The two are read apart. Whoever signs a call to a path that is not served learns first whether the signature is
//! good, for that is what such a client is being tried out for.

use super::{ACTION, NAME, authorization, elbaas, identity, sign};
use crate::catalogue::Routed;
use crate::{
    Action, Call, Claim, Fault, Format, Frame, Given, Identity, OperationRef, Options, Question,
    Request, Wish, form,
};
use http::Method;
use http::header::AUTHORIZATION;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// Where a path leads.
enum Area<'a> {
    /// Below a project: `/v1.0/{project_id}/…`, or `/v1/…` as the `uri` of a submission says.
    Project {
        /// What stands in the place of the project.
        project: &'a str,
        /// What follows it.
        rest: &'a str,
    },
    /// Below `/v3/`, where nothing is served but the identity service, which reads its requests itself.
    Third,
}

/// Whether a path lies where this dialect is served.
pub(super) fn claims(path: &str) -> bool {
    area(path).is_some()
}

/// Whether a request carries a signature of this cloud, or the header of its tokens.
pub(super) fn carries_proof(request: &Request) -> bool {
    let is_signed = request
        .header(AUTHORIZATION)
        .is_some_and(authorization::is_own);
    is_signed || request.headers.contains_key("x-auth-token")
}

/// Reads a request.
pub(super) fn parse<'a>(request: &Request<'a>, options: &Options) -> Call<'a> {
    let routed = routed(request, options);
    let action = routed.as_ref().ok().map(|(action, _)| action);
    Call {
        frame: Frame {
            action: action.map_or(Cow::Borrowed(ACTION), |action| {
                Cow::Owned(action.policy_name.to_string())
            }),
            question: action.map_or(Question::Poll, |action| {
                Question::Submit(Arc::clone(action))
            }),
            format: Format::Json,
            host: request.host(),
        },
        claim: claim(request, options),
        wish: match routed {
            Ok((action, bound)) => order(request, &action, bound),
            // The path is served, and in another way.
            Err(true) => Err(Fault::UnknownMethod),
            Err(false) => wish(request),
        },
    }
}

/// The action of the catalogue that is asked for.
fn routed<'a>(request: &Request<'a>, options: &Options) -> Result<Routed<'a>, bool> {
    let has = |member: &str| {
        let body: Result<HashMap<String, &RawValue>, _> = serde_json::from_slice(request.body);
        body.is_ok_and(|body| body.contains_key(member))
    };
    options
        .catalogue
        .routed(NAME, request.method.as_str(), request.path, has)
}

/// Reads what is to be done: in the path, in the query, and in the body, which is an object or a list of members.
fn order<'a>(
    request: &Request<'a>,
    action: &Arc<Action>,
    bound: Vec<(String, &'a str)>,
) -> Result<Wish<'a>, Fault> {
    const MEMBERS: &str = "members";
    form::decode_path(request.path)?;
    let query = form::parameters(request.query.as_bytes())?;
    let text =
        std::str::from_utf8(request.body).map_err(|_| Fault::Malformed("the body is not UTF-8"))?;
    let is_list = action.parameter(MEMBERS).is_some();
    let mut given = if *request.method == Method::GET || *request.method == Method::DELETE {
        Given::default()
    } else if is_list {
        Given::list(MEMBERS, text)?
    } else {
        Given::typed(text)?
    };
    for (name, value) in &query {
        given = given.with(name, value);
    }
    for (name, value) in bound {
        if name == "project_id" {
            check_id("project_id", value)?;
        }
        given = given.with(&name, value);
    }
    let order = action.order(given)?;
    let order = Box::new(order);
    Ok(if elbaas::manages(&action.name) {
        Wish::Manage(order)
    } else {
        Wish::Submit(order)
    })
}

fn area(path: &str) -> Option<Area<'_>> {
    if path.starts_with("/v3/") {
        return (!identity::claims(path)).then_some(Area::Third);
    }
    let rest = path
        .strip_prefix("/v1.0/")
        .or_else(|| path.strip_prefix("/v1/"))?;
    let (project, rest) = rest.split_once('/').unwrap_or((rest, ""));
    Some(Area::Project { project, rest })
}

/// The version in a path, and what stands in it below the project.
pub(super) fn below_project(path: &str) -> Option<(&str, &str)> {
    let (version, _) = path.strip_prefix('/')?.split_once('/')?;
    match area(path)? {
        Area::Project { rest, .. } => Some((version, rest)),
        Area::Third => None,
    }
}

pub(super) fn claim<'a>(request: &Request<'a>, options: &Options) -> Result<Claim<'a>, Fault> {
    let project = project(request.path).map(Cow::Borrowed);
    // With both a token and a signature, the signature is what counts.
    if request.headers.contains_key(AUTHORIZATION) {
        let (access_key, proof) = sign::proof(request, options)?;
        return Ok(Claim {
            identity: Identity::AccessKey(Cow::Borrowed(access_key)),
            proof: Some(proof),
            session_token: request.header("x-security-token").map(Cow::Borrowed),
            project,
        });
    }
    if !request.headers.contains_key("x-auth-token") {
        return Err(Fault::MissingCredentials("x-auth-token"));
    }
    match request.header("x-auth-token") {
        Some("") => Err(Fault::MissingCredentials("x-auth-token")),
        None => Err(Fault::BadToken),
        Some(token) => Ok(Claim {
            identity: Identity::Token(Cow::Borrowed(token)),
            proof: None,
            session_token: None,
            project,
        }),
    }
}

/// The project that the path names. One that cannot be any is left out here, because it is a fault of the wish.
fn project(path: &str) -> Option<&str> {
    match area(path)? {
        Area::Project { project, .. } => is_id(project).then_some(project),
        Area::Third => None,
    }
}

fn wish<'a>(request: &Request<'a>) -> Result<Wish<'a>, Fault> {
    form::decode_path(request.path)?;
    let Some(Area::Project { project, rest }) = area(request.path) else {
        return Err(Fault::UnknownPath);
    };
    let job = rest.strip_prefix("jobs/").ok_or(Fault::UnknownPath)?;
    if job.contains('/') {
        return Err(Fault::UnknownPath);
    }
    if request.method != Method::GET {
        return Err(Fault::UnknownMethod);
    }
    // No parameter means anything here, and openstacksdk sends one all the same; but broken ones are worth telling.
    form::parameters(request.query.as_bytes())?;
    check_id("project_id", project)?;
    check_id("job_id", job)?;
    Ok(Wish::Poll {
        operation: OperationRef::Text(Cow::Borrowed(job)),
        resource_group: None,
    })
}

fn check_id(name: &'static str, text: &str) -> Result<(), Fault> {
    if text.is_empty() {
        return Err(Fault::MissingParameter(name.into()));
    }
    if is_id(text) {
        return Ok(());
    }
    Err(Fault::InvalidParameter {
        name: Cow::Borrowed(name),
        reason: "it has 32 lower-case hexadecimal digits",
    })
}

/// Whether a text has the form that the ids of projects and jobs have.
fn is_id(text: &str) -> bool {
    text.len() == 32
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    const PROJECT: &str = "73cd9140bec7427ab9952b4ed75924e0";
    const JOB: &str = "4010b39b4fd3d5ff014fd943bac41619";

    fn wish_of(method: &Method, path: &str, query: &str) -> Result<Option<String>, Fault> {
        let request = Request {
            method,
            path,
            query,
            headers: &HeaderMap::new(),
            body: &[],
        };
        wish(&request).map(|wish| match wish {
            Wish::Poll {
                operation: OperationRef::Text(text),
                ..
            } => Some(text.into_owned()),
            Wish::Poll { .. } | Wish::Submit(_) | Wish::Manage(_) => None,
        })
    }

    #[test]
    fn both_versions_of_the_path_lead_to_the_job() {
        for (version, query) in [
            ("v1.0", ""),
            ("v1", ""),
            ("v1.0", "skip_cache=True&x=1&x=2"),
        ] {
            let path = format!("/{version}/{PROJECT}/jobs/{JOB}");
            assert!(claims(&path));
            assert_eq!(
                wish_of(&Method::GET, &path, query),
                Ok(Some(JOB.to_owned()))
            );
            assert_eq!(project(&path), Some(PROJECT));
        }
    }

    #[test]
    fn other_paths_are_unknown() {
        let unknown = [
            format!("/v1.0/{PROJECT}/jobs/{JOB}/"),
            format!("/v1.0/{PROJECT}/jobs"),
            format!("/v1.0/{PROJECT}/elbaas/loadbalancers"),
            format!("/v1.0/{PROJECT}"),
            format!("/v1.0/{PROJECT}/Jobs/{JOB}"),
            format!("/v3/{PROJECT}/elb/jobs/{JOB}"),
            "/v1.0/".to_owned(),
            "/v3/regions".to_owned(),
        ];
        for path in unknown {
            assert!(claims(&path), "{path}");
            assert_eq!(
                wish_of(&Method::GET, &path, ""),
                Err(Fault::UnknownPath),
                "{path}"
            );
        }
        for path in [
            "/",
            "/v1",
            "/v1.0",
            "/v2/index.php",
            "/v1.0.0/x",
            "/v3",
            "/v3/auth/tokens",
            "/api/v1/operations",
        ] {
            assert!(!claims(path), "{path}");
        }
        let path = format!("/v1.0/{PROJECT}/jobs/{JOB}");
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::HEAD] {
            assert_eq!(
                wish_of(&method, &path, ""),
                Err(Fault::UnknownMethod),
                "{method}"
            );
        }
    }

    #[test]
    fn ids_that_cannot_be_are_told() {
        let long = "a".repeat(100_000);
        let upper = JOB.to_uppercase();
        for id in [
            "abc",
            "-1",
            "18446744073709551616",
            "a%20b",
            "%E4%BD%A0",
            &long,
            &upper,
        ] {
            for (name, path) in [
                ("project_id", format!("/v1.0/{id}/jobs/{JOB}")),
                ("job_id", format!("/v1.0/{PROJECT}/jobs/{id}")),
            ] {
                let found = wish_of(&Method::GET, &path, "");
                let invalid = matches!(&found, Err(Fault::InvalidParameter { name: found, .. }) if found == name);
                assert!(invalid, "{name}: {found:?}");
            }
        }
        for (name, path) in [
            ("project_id", format!("/v1.0//jobs/{JOB}")),
            ("job_id", format!("/v1.0/{PROJECT}/jobs/")),
        ] {
            assert_eq!(
                wish_of(&Method::GET, &path, ""),
                Err(Fault::MissingParameter(name.into()))
            );
        }
        for (id, query) in [
            ("%", ""),
            ("%zz", ""),
            ("%ff", ""),
            (JOB, "a=%"),
            (JOB, "a=%ff"),
        ] {
            let found = wish_of(&Method::GET, &format!("/v1.0/{PROJECT}/jobs/{id}"), query);
            assert!(
                matches!(found, Err(Fault::Malformed(_))),
                "{id} {query}: {found:?}"
            );
        }
    }
}
