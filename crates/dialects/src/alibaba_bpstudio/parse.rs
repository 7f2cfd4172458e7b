//! From a request to what it says. The claim is read even if the action is not one that is served: who cannot sign
//! learns nothing about what there is.

use super::{ACTION, NAME, OPERATION_ID_BYTES_MAX, POLICY_ACTION, VERSION, submit, v1, v3};
use crate::form::{self, Parameters, take};
use crate::{Action, Call, Fault, Format, Frame, OperationRef, Options, Question, Request, Wish};
use http::Method;
use http::header::{ACCEPT, AUTHORIZATION};
use std::borrow::Cow;
use std::sync::Arc;

/// Whether a request is in this dialect. It shares the path `/` with others, and with browsers.
pub(super) fn claims(request: &Request) -> bool {
    if request.path != "/" {
        return false;
    }
    let authorization = request.header(AUTHORIZATION).unwrap_or_default();
    has_own_header(request) || (!authorization.starts_with("TC3-") && has_own_parameter(request))
}

/// Whether a header says that the request is to Alibaba Cloud.
pub(super) fn has_own_header(request: &Request) -> bool {
    let authorization = request.header(AUTHORIZATION).unwrap_or_default();
    request.headers.contains_key("x-acs-action")
        || request.headers.contains_key("x-acs-version")
        || authorization.starts_with(v3::SCHEME)
}

fn has_own_parameter(request: &Request) -> bool {
    let has = |name: &str| peek(request, name).is_some();
    peek(request, "Version") == Some(VERSION.as_bytes())
        || has("SignatureNonce")
        || has("AccessKeyId")
        || has("Action")
}

/// The value of a parameter that needs no escapes; the body's before the query's, as when both are merged.
fn peek<'a>(request: &Request<'a>, name: &str) -> Option<&'a [u8]> {
    let in_body = || form::peek(request.body, name);
    let in_query = || form::peek(request.query.as_bytes(), name);
    request.has_form().then(in_body).flatten().or_else(in_query)
}

/// Reads a request.
pub(super) fn parse<'a>(request: &Request<'a>, options: &Options) -> Call<'a> {
    let authorization = request
        .header(AUTHORIZATION)
        .filter(|text| text.starts_with(v3::SCHEME));
    let name = match authorization {
        Some(_) => request.header(v3::ACTION).map(str::as_bytes),
        None => peek(request, "Action"),
    };
    let name = name.and_then(|name| std::str::from_utf8(name).ok());
    let made = name.and_then(|name| options.catalogue.find(NAME, name));
    let frame = Frame {
        action: made.map_or(Cow::Borrowed(POLICY_ACTION), |action| {
            Cow::Owned(action.policy_name.to_string())
        }),
        question: made.map_or(Question::Poll, |action| {
            Question::Submit(Arc::clone(action))
        }),
        format: format(request, authorization.is_some()),
        host: request.host(),
    };
    let (claim, wish) = match (known_method(request.method), authorization) {
        (Err(fault), _) => (Err(fault.clone()), Err(fault)),
        (Ok(method), Some(authorization)) => {
            parse_v3(request, method, authorization, options, made)
        }
        (Ok(method), None) => parse_v1(request, method, options, made),
    };
    Call { frame, claim, wish }
}

type Halves<'a> = (Result<crate::Claim<'a>, Fault>, Result<Wish<'a>, Fault>);

/// V3 names the action in headers. Its signature covers the body as it is, so that the form may be broken and the
/// claim still be good.
fn parse_v3<'a>(
    request: &Request<'a>,
    method: &'static str,
    authorization: &'a str,
    options: &Options,
    made: Option<&Arc<Action>>,
) -> Halves<'a> {
    let mut query = match form::parameters(request.query.as_bytes()) {
        Ok(query) => query,
        Err(fault) => return (Err(fault.clone()), Err(fault)),
    };
    query.sort_unstable();
    let claim = v3::claim(request, method, authorization, &query, options);
    let wish = merged(query, request).and_then(|mut parameters| {
        let action = request.header(v3::ACTION);
        check_action(action, request.header(v3::VERSION), made)?;
        wish(&mut parameters, made)
    });
    (claim, wish)
}

/// V1 names everything in parameters. Headers may name an action too, but nobody signed those.
fn parse_v1<'a>(
    request: &Request<'a>,
    method: &str,
    options: &Options,
    made: Option<&Arc<Action>>,
) -> Halves<'a> {
    let query = form::parameters(request.query.as_bytes());
    match query.and_then(|query| merged(query, request)) {
        Err(fault) => (Err(fault.clone()), Err(fault)),
        Ok(mut parameters) => {
            let claim = v1::claim(method, &mut parameters, options);
            let action = form::value(&parameters, "Action");
            let wish = check_action(action, form::value(&parameters, "Version"), made)
                .and_then(|()| wish(&mut parameters, made));
            (claim, wish)
        }
    }
}

/// Query and form in one map, sorted by name. Where both have a name the form's value counts: so the clients sign it.
fn merged<'a>(mut query: Parameters<'a>, request: &Request<'a>) -> Result<Parameters<'a>, Fault> {
    make_unique(&mut query)?;
    if !request.has_form() || request.body.is_empty() {
        return Ok(query);
    }
    let mut form = form::parameters(request.body)?;
    make_unique(&mut form)?;
    query.retain(|(name, _)| form.binary_search_by(|(other, _)| other.cmp(name)).is_err());
    query.append(&mut form);
    query.sort_unstable();
    Ok(query)
}

/// Sorts the parameters of one part. One that is repeated word for word does no harm; two values are one too many.
fn make_unique(parameters: &mut Parameters) -> Result<(), Fault> {
    parameters.sort_unstable();
    parameters.dedup();
    match parameters.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        None => Ok(()),
        Some(pair) => Err(Fault::InvalidParameter {
            name: Cow::Owned(pair[0].0.to_string()),
            reason: "it has two values",
        }),
    }
}

fn known_method(method: &Method) -> Result<&'static str, Fault> {
    if *method == Method::POST {
        Ok("POST")
    } else if *method == Method::GET {
        Ok("GET")
    } else {
        Err(Fault::UnknownMethod)
    }
}

/// How the answer is to be written. The document's default for V1 is XML; an unknown word, such as the `None` that one
/// client sends for want of a better, is answered in JSON.
pub(super) fn format(request: &Request, is_v3: bool) -> Format {
    let accept = request.header(ACCEPT).unwrap_or_default();
    let accepts_json = accept.contains("application/json");
    let default = match is_v3 {
        true if !accepts_json && accept.contains("xml") => Format::Xml,
        false if !accepts_json => Format::Xml,
        true | false => Format::Json,
    };
    match peek(request, "Format") {
        None | Some(b"") => default,
        // V3 clients read whatever they accept, and only that.
        Some(word) if word.eq_ignore_ascii_case(b"XML") && !(is_v3 && accepts_json) => Format::Xml,
        Some(_) => Format::Json,
    }
}

fn check_action(
    action: Option<&str>,
    version: Option<&str>,
    made: Option<&Arc<Action>>,
) -> Result<(), Fault> {
    let named = |text: Option<&str>| text.is_some_and(|text| !text.is_empty());
    if !named(action) {
        return Err(Fault::MissingParameter("Action".into()));
    }
    match version {
        Some(VERSION) => (),
        Some(other) if !other.is_empty() => return Err(Fault::UnknownVersion(other.to_owned())),
        Some(_) | None => return Err(Fault::MissingParameter("Version".into())),
    }
    match action {
        Some(ACTION) => Ok(()),
        Some(name) if made.is_some_and(|made| *made.name == *name) => Ok(()),
        Some(_) | None => Err(Fault::UnknownAction(action.unwrap_or_default().to_owned())),
    }
}

fn wish<'a>(
    parameters: &mut Parameters<'a>,
    made: Option<&Arc<Action>>,
) -> Result<Wish<'a>, Fault> {
    if let Some(action) = made {
        let order = submit::order(parameters, action)?;
        return Ok(Wish::Submit(Box::new(order)));
    }
    let id =
        take(parameters, "OperationId").ok_or(Fault::MissingParameter("OperationId".into()))?;
    if id.len() > OPERATION_ID_BYTES_MAX {
        return Err(Fault::InvalidParameter {
            name: Cow::Borrowed("OperationId"),
            reason: "it is longer than any id",
        });
    }
    Ok(Wish::Poll {
        operation: OperationRef::Text(id),
        resource_group: take(parameters, "ResourceGroupId"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderName};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        pairs.collect()
    }

    fn request<'a>(query: &'a str, headers: &'a HeaderMap, body: &'a str) -> Request<'a> {
        Request {
            method: &Method::POST,
            path: "/",
            query,
            headers,
            body: body.as_bytes(),
        }
    }

    const FORM: (&str, &str) = (
        "content-type",
        "application/x-www-form-urlencoded; charset=UTF-8",
    );

    #[test]
    fn only_own_requests_are_claimed() {
        for (query, pairs, body, expected) in [
            ("", &[][..], "", false),
            ("", &[("accept", "text/html")], "", false),
            ("theme=dark", &[], "", false),
            ("Action=DescribeZones", &[], "", true),
            (
                "Action=DescribeZones",
                &[("authorization", "TC3-HMAC-SHA256 …")],
                "",
                false,
            ),
            ("", &[("x-acs-action", "A")], "", true),
            ("", &[("x-acs-version", "1")], "", true),
            ("", &[("authorization", "ACS3-RSA-SHA256 …")], "", true),
            ("", &[FORM], "AccessKeyId=1", true),
            ("", &[], "AccessKeyId=1", false),
            ("SignatureNonce=1", &[], "", true),
            ("Version=2021-09-31", &[], "", true),
            ("Version=2017-03-12", &[], "", false),
        ] {
            let headers = headers(pairs);
            assert_eq!(
                claims(&request(query, &headers, body)),
                expected,
                "{query} {pairs:?} {body}"
            );
            let elsewhere = Request {
                path: "/v2/index.php",
                ..request(query, &headers, body)
            };
            assert!(!claims(&elsewhere));
        }
    }

    #[test]
    fn the_format_follows_parameter_and_accept() {
        const V3: (&str, &str) = ("authorization", "ACS3-HMAC-SHA256 …");
        for (query, pairs, expected) in [
            ("", &[][..], Format::Xml),
            ("Format=", &[], Format::Xml),
            ("Format=json", &[], Format::Json),
            ("Format=JSON", &[("accept", "text/xml")], Format::Json),
            ("Format=xml", &[], Format::Xml),
            ("Format=XML", &[("accept", "application/json")], Format::Xml),
            ("Format=None", &[], Format::Json),
            ("", &[("accept", "application/json")], Format::Json),
            ("", &[V3], Format::Json),
            ("", &[V3, ("accept", "text/xml")], Format::Xml),
            ("Format=XML", &[V3, ("accept", "*/*")], Format::Xml),
            (
                "Format=XML",
                &[V3, ("accept", "application/json")],
                Format::Json,
            ),
        ] {
            let headers = headers(pairs);
            let call = parse(&request(query, &headers, ""), &Options::default());
            assert_eq!(call.frame.format, expected, "{query} {pairs:?}");
        }
    }

    #[test]
    fn query_and_form_become_one_map() {
        let form = headers(&[FORM]);
        for (query, body, expected) in [
            ("b=1&a=2", "", Some(vec![("a", "2"), ("b", "1")])),
            ("b=1", "a=2&b=3", Some(vec![("a", "2"), ("b", "3")])),
            ("a=1&a=1", "a=1", Some(vec![("a", "1")])),
            ("a=1&a=2", "", None),
            ("", "a=1&%61=2", None),
            ("", "a=%zz", None),
        ] {
            let request = request(query, &form, body);
            let merged = merged(form::parameters(query.as_bytes()).unwrap(), &request);
            let expected = expected.map(|pairs| {
                let pairs = pairs.into_iter();
                pairs
                    .map(|(name, value)| (name.into(), value.into()))
                    .collect::<Parameters>()
            });
            assert_eq!(merged.ok(), expected, "{query} {body}");
        }
    }
}
