//! Tencent, API 3.0: what its products share.
//!
//! Everything happens at the path `/`. A request is signed in one of two ways: TC3 puts the action, the version and the
//! signature into headers and the arguments into a query or a JSON body; the older signature puts everything among the
//! parameters, and is that of API 2.0 but for its path. A product's folder names its `Product`, writes what stands in
//! `Response`, and reads it back.

pub(crate) mod arguments;
pub(crate) mod envelope;
mod fault;
pub(crate) mod poll;
pub(crate) mod read;
mod sign;
pub(crate) mod submitted;
mod tc3;

use crate::tencent::claim::Rules;
use crate::tencent::{claim, forward, parameters};
use crate::{
    Action, Call, Catalogue, Fault, Format, Frame, OperationRef, Options, Question, Request,
    SignError, Signer, Target, Wish, form,
};
use arguments::Arguments;
use http::Method;
use std::borrow::Cow;
use std::sync::Arc;

/// The path of every request of API 3.0.
const PATH: &str = "/";
/// The version of bare metal.
pub(crate) const BM_VERSION: &str = "2018-04-23";
/// The version of virtual private clouds; other products have the same one.
pub(crate) const VPC_VERSION: &str = "2017-03-12";
/// What the names of the cloud's hosts end with.
const HOST_SUFFIX: &str = ".tencentcloudapi.com";

/// What tells one product of API 3.0 from another.
#[derive(Debug)]
pub(crate) struct Product {
    /// The name of its dialect.
    pub(crate) dialect: &'static str,
    /// Whether an action is about things that the product keeps.
    pub(crate) manages: fn(&str) -> bool,
    /// The version of its API.
    pub(crate) version: &'static str,
    /// Its name: the first label of its hosts, and part of what our own client signs for.
    pub(crate) service: &'static str,
    /// The actions that ask how an operation stands. A refusal of an unknown one is framed as if it were the first.
    pub(crate) polls: &'static [Poll],
}

/// One action that asks how an operation stands.
#[derive(Debug)]
pub(crate) struct Poll {
    /// Its name.
    pub(crate) name: &'static str,
    /// The same as a policy spells it.
    pub(crate) policy_name: &'static str,
    /// Which operation is asked for.
    pub(crate) operation: for<'a> fn(&Arguments<'a>) -> Result<OperationRef<'a>, Fault>,
}

/// An action that is served.
enum Served<'c> {
    Poll(&'static Poll),
    Submit(&'c Arc<Action>),
}

impl Product {
    fn find<'c>(&self, name: &str, catalogue: &'c Catalogue) -> Option<Served<'c>> {
        let poll = self.polls.iter().find(|poll| poll.name == name);
        let submit = || catalogue.find(self.dialect, name).map(Served::Submit);
        poll.map(Served::Poll).or_else(submit)
    }

    /// The action with this name and version, if it is served.
    fn action<'c>(
        &self,
        name: Option<&str>,
        version: Option<&str>,
        catalogue: &'c Catalogue,
    ) -> Result<Served<'c>, Fault> {
        let name = name.ok_or_else(|| Fault::MissingParameter("Action".into()))?;
        let version = version.ok_or_else(|| Fault::MissingParameter("Version".into()))?;
        let unknown = || Fault::UnknownAction(parameters::shortened(name));
        let action = self.find(name, catalogue).ok_or_else(unknown)?;
        let own = match &action {
            Served::Submit(action) => action.version.as_deref(),
            Served::Poll(_) => None,
        };
        if version == own.unwrap_or(self.version) {
            Ok(action)
        } else {
            Err(Fault::UnknownVersion(parameters::shortened(version)))
        }
    }
}

/// What a request asks for, as far as can be seen at a glance.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    action: Option<Cow<'a, str>>,
    version: Option<Cow<'a, str>>,
    host: &'a str,
}

impl Asked<'_> {
    /// Whether it is `product` that is asked: by its action, or else by its host unless another version is named.
    pub(crate) fn is_for(&self, product: &Product, options: &Options) -> bool {
        let has_action = self
            .action
            .as_ref()
            .is_some_and(|name| product.find(name, &options.catalogue).is_some());
        let may_have_version = self
            .version
            .as_ref()
            .is_none_or(|version| version == product.version);
        let label = self.host.split('.').next().unwrap_or_default();
        has_action || (may_have_version && label.eq_ignore_ascii_case(product.service))
    }
}

/// What a request asks for; nothing if it is not one of API 3.0. The path `/` is shared with another cloud, and with
/// browsers.
pub(crate) fn asked<'a>(request: &Request<'a>) -> Option<Asked<'a>> {
    if request.path != PATH || request.headers.contains_key("x-acs-action") {
        return None;
    }
    let host = sign::without_scheme(request.host());
    if has_headers(request) {
        let header = |name| request.header(name).map(Cow::Borrowed);
        return Some(Asked {
            action: header("x-tc-action"),
            version: header("x-tc-version"),
            host,
        });
    }
    let encoded = parameters::encoded(request);
    let has = |name| form::peek(encoded, name).is_some();
    let value = |name| form::decode(form::peek(encoded, name)?).ok();
    let version = value("Version");
    let has_own_version = matches!(version.as_deref(), Some(BM_VERSION | VPC_VERSION));
    let is_signed =
        || has("Nonce") && has("Timestamp") && (has("Signature") || has("SignatureMethod"));
    let is_ours = has_own_version || has("SecretId") || is_signed() || is_own_host(host);
    is_ours.then(|| Asked {
        action: value("Action"),
        version,
        host,
    })
}

/// Whether what is asked stands in headers. `Authorization` alone does not say so: a client that is told not to sign
/// sends the word `SKIP` there.
/// Whether a header says that the request is in API 3.0.
pub(crate) fn has_headers(request: &Request) -> bool {
    let authorization = request.header("authorization").unwrap_or_default();
    authorization.starts_with(tc3::SCHEME) || request.headers.contains_key("x-tc-action")
}

fn is_own_host(host: &str) -> bool {
    let name = host.split(':').next().unwrap_or_default().as_bytes();
    let start = name.len().saturating_sub(HOST_SUFFIX.len());
    name[start..].eq_ignore_ascii_case(HOST_SUFFIX.as_bytes())
}

/// Reads a request to `product`.
pub(crate) fn parse<'a>(
    request: &Request<'a>,
    options: &Options,
    product: &'static Product,
) -> Call<'a> {
    if has_headers(request) {
        parse_headers(request, options, product)
    } else {
        parse_parameters(request, options, product)
    }
}

/// TC3 covers the body as it is, so that the arguments may be broken and the claim still be good.
fn parse_headers<'a>(
    request: &Request<'a>,
    options: &Options,
    product: &'static Product,
) -> Call<'a> {
    let header = |name| request.header(name).filter(|value| !value.is_empty());
    let action = header("x-tc-action");
    let served = product.action(action, header("x-tc-version"), &options.catalogue);
    let arguments = || Arguments::of_request(request);
    Call {
        frame: frame(request, product, action, &options.catalogue),
        claim: tc3::claim(request, options, rules(&served)),
        wish: served.and_then(|served| {
            let region = header("x-tc-region").map(Cow::Borrowed);
            wish(product, &served, arguments()?, region)
        }),
    }
}

/// The older signature, over all parameters.
fn parse_parameters<'a>(
    request: &Request<'a>,
    options: &Options,
    product: &'static Product,
) -> Call<'a> {
    let catalogue = &options.catalogue;
    let parameters = match parameters::read(request) {
        Ok(parameters) => parameters,
        Err(fault) => {
            return Call {
                frame: frame(request, product, None, catalogue),
                claim: Err(fault.clone()),
                wish: Err(fault),
            };
        }
    };
    let word = |name| parameters::present(&parameters, name).map(Cow::as_ref);
    let served = product.action(word("Action"), word("Version"), catalogue);
    let claim = claim::claim(request, options, PATH, &parameters, rules(&served));
    let frame = frame(request, product, word("Action"), catalogue);
    let region = parameters::present(&parameters, "Region").cloned();
    let arguments = || Arguments::of_form(parameters);
    Call {
        frame,
        claim,
        wish: arguments().and_then(|arguments| wish(product, &served?, arguments, region)),
    }
}

fn rules(served: &Result<Served, Fault>) -> Rules {
    match served {
        Ok(Served::Submit(action)) if action.reads => Rules::Read,
        // What is not known may change something, wherever it is passed on to.
        Ok(Served::Submit(_)) | Err(Fault::UnknownAction(_)) => Rules::Change,
        Ok(Served::Poll(_)) | Err(_) => Rules::Poll,
    }
}

/// Writes a call anew. One with a form stays one with the older signature, as the newer one covers no forms.
pub(crate) fn forward(
    product: &'static Product,
    request: &Request,
    target: &Target,
    signer: &Signer,
) -> Result<http::Request<Vec<u8>>, SignError> {
    if !has_headers(request) {
        return forward::forward(PATH, request, target, signer);
    }
    let header = |name| request.header(name).unwrap_or_default();
    let asked = header("x-tc-region");
    let region = forward::region(asked, target)?.unwrap_or(asked);
    let is_get = request.method == Method::GET;
    let asking = poll::Sending {
        method: request.method.clone(),
        // The query of a POST was not signed, and nobody looks at it.
        query: if is_get { request.query } else { "" },
        content_type: request.header("content-type").unwrap_or(poll::JSON),
        service: product.service,
        action: header("x-tc-action"),
        version: header("x-tc-version"),
        region: Some(region).filter(|region| !region.is_empty()),
        language: request.header("x-tc-language"),
        body: request.body.to_vec(),
    };
    poll::proven(asking, signer)
}

/// What a policy calls an action of this product that is not served here. Other products have their own versions.
pub(crate) fn unserved(request: &Request, fault: &Fault, product: &Product) -> Option<String> {
    let version = asked(request)?.version;
    let is_own = version.as_deref() == Some(product.version);
    is_own
        .then(|| crate::named_action(product.service, fault))
        .flatten()
}

fn frame<'a>(
    request: &Request<'a>,
    product: &'static Product,
    action: Option<&str>,
    catalogue: &Catalogue,
) -> Frame<'a> {
    let served = action.and_then(|name| product.find(name, catalogue));
    let (action, question) = match served {
        None => (product.polls[0].policy_name.into(), Question::Poll),
        Some(Served::Poll(poll)) => (poll.policy_name.into(), Question::Poll),
        Some(Served::Submit(action)) => (
            Cow::Owned(action.policy_name.to_string()),
            Question::Submit(Arc::clone(action)),
        ),
    };
    Frame {
        action,
        question,
        format: Format::Json,
        host: request.host(),
    }
}

fn wish<'a>(
    product: &Product,
    served: &Served,
    arguments: Arguments<'a>,
    region: Option<Cow<'a, str>>,
) -> Result<Wish<'a>, Fault> {
    let action = match served {
        Served::Poll(poll) => {
            return Ok(Wish::Poll {
                operation: (poll.operation)(&arguments)?,
                resource_group: None,
            });
        }
        Served::Submit(action) => action,
    };
    let given = arguments.given(|name| action.parameter(name).is_some())?;
    let mut order = action.order(given)?;
    order.region = region.filter(|region| !region.is_empty()).map(Into::into);
    let order = Box::new(order);
    Ok(if (product.manages)(&action.name) {
        Wish::Manage(order)
    } else {
        Wish::Submit(order)
    })
}
