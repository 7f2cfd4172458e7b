//! Refusals in this cloud's words.

use super::answer::{self, reply, request_id};
use super::xml;
use crate::{Fault, Format, Frame, Lent, Reply, wire};
use http::{HeaderName, HeaderValue};
use serde::Serialize;
use std::borrow::Cow;

/// Writes why a call is refused.
pub(super) fn answer(frame: &Frame, lent: &Lent, fault: &Fault) -> Reply {
    let Some((status, code)) = code(fault) else {
        return answer::answer(frame, lent, None);
    };
    let request_id = request_id(lent);
    let refusal = Refusal {
        request_id: &request_id,
        host_id: frame.host,
        code: &code,
        message: &message(fault),
        access_denied_detail: detail(fault),
    };
    let body = match frame.format {
        Format::Json => wire::to_json(&refusal),
        Format::Xml => write_xml(&refusal),
    };
    let reply = reply(frame.format, &request_id, body).with_status(status);
    if let Fault::Throttled { retry_after_millis } = fault {
        let name = HeaderName::from_static("x-acs-retry-after");
        return reply.with_header(name, HeaderValue::from(*retry_after_millis));
    }
    reply
}

/// The HTTP status and the code of a fault. An operation that does not exist, or no longer, is no error here: the
/// document says that the answer then has no `Data`.
fn code(fault: &Fault) -> Option<(u16, Cow<'static, str>)> {
    let (status, code) = match fault {
        Fault::NotFound | Fault::Gone => return None,
        Fault::MissingParameter(name) => return Some((400, missing(name))),
        Fault::MissingCredentials(name) => return Some((400, missing(name))),
        Fault::Malformed(_)
        | Fault::TooLarge { .. }
        | Fault::WrongType { .. }
        | Fault::InvalidParameter { .. } => (400, "InvalidParameter"),
        Fault::UnknownMethod => (400, "UnsupportedHTTPMethod"),
        Fault::UnknownPath | Fault::UnknownAction(_) => (404, "InvalidAction.NotFound"),
        Fault::UnknownVersion(_) => (400, "NoSuchVersion"),
        Fault::UnknownFormat(_) => (400, "InvalidParameter.Format"),
        Fault::MalformedCredentials(_) => (400, "IncompleteSignature"),
        Fault::UnknownAlgorithm(_) => (400, "InvalidSignatureMethod"),
        Fault::UnknownKey => (404, "InvalidAccessKeyId.NotFound"),
        Fault::DisabledKey | Fault::LockedKey => (400, "InvalidAccessKeyId.Inactive"),
        Fault::BadSignature { .. } => (400, "SignatureDoesNotMatch"),
        Fault::MalformedTime => (400, "InvalidTimeStamp.Format"),
        Fault::Skewed { .. } => (400, "InvalidTimeStamp.Expired"),
        Fault::Replayed => (400, "SignatureNonceUsed"),
        Fault::BadToken => (400, "InvalidSecurityToken.Malformed"),
        Fault::ExpiredToken => (400, "InvalidSecurityToken.Expired"),
        Fault::Forbidden { .. } | Fault::WrongProject => (403, "NoPermission"),
        Fault::IdempotencyMismatch => (400, "IdempotentParameterMismatch"),
        Fault::NoSuchResource(_) => (404, "InvalidResource.NotFound"),
        Fault::ResourceInUse { .. } => (400, "ResourceInUse"),
        Fault::LimitReached { .. } | Fault::RulesTooLarge { .. } => (400, "QuotaExceeded"),
        Fault::Busy(_) => (409, "OperationConflict"),
        Fault::Throttled { .. } => (400, "Throttling.User"),
        Fault::Unavailable => (503, "ServiceUnavailable"),
        Fault::Internal => (500, "InternalError"),
    };
    Some((status, Cow::Borrowed(code)))
}

fn missing(name: &str) -> Cow<'static, str> {
    Cow::Owned(format!("Missing{name}"))
}

/// What is told to people. SDKs take a mismatch apart: one tests how it begins, one compares what follows the colon
/// with its own text, one fails if there is no colon. So nothing may stand before or after.
fn message(fault: &Fault) -> String {
    if let Fault::BadSignature { text } = fault {
        return format!(
            "Specified signature is not matched with our calculation. server string to sign is:{text}"
        );
    }
    fault.to_string()
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal<'a> {
    request_id: &'a str,
    host_id: &'a str,
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_denied_detail: Option<Detail<'a>>,
}

/// Why the policies refuse.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Detail<'a> {
    auth_action: &'a str,
    auth_principal_type: &'a str,
    auth_principal_owner_id: &'a str,
    auth_principal_display_name: &'a str,
    policy_type: &'a str,
    no_permission_type: &'a str,
    encoded_diagnostic_message: &'a str,
}

fn detail(fault: &Fault) -> Option<Detail<'_>> {
    let Fault::Forbidden {
        action,
        explicit,
        account,
    } = fault
    else {
        return None;
    };
    Some(Detail {
        auth_action: action,
        auth_principal_type: "SubUser",
        auth_principal_owner_id: account,
        auth_principal_display_name: account,
        policy_type: "AccountLevelIdentityBasedPolicy",
        no_permission_type: if *explicit {
            "ExplicitDeny"
        } else {
            "ImplicitDeny"
        },
        encoded_diagnostic_message: "",
    })
}

fn write_xml(refusal: &Refusal) -> Vec<u8> {
    let mut writer = xml::Writer::new();
    writer.open("Error");
    writer.element("RequestId", refusal.request_id);
    writer.element("HostId", refusal.host_id);
    writer.element("Code", refusal.code);
    writer.element("Message", refusal.message);
    if let Some(detail) = &refusal.access_denied_detail {
        writer.open("AccessDeniedDetail");
        writer.element("AuthAction", detail.auth_action);
        writer.element("AuthPrincipalType", detail.auth_principal_type);
        writer.element("AuthPrincipalOwnerId", detail.auth_principal_owner_id);
        writer.element(
            "AuthPrincipalDisplayName",
            detail.auth_principal_display_name,
        );
        writer.element("PolicyType", detail.policy_type);
        writer.element("NoPermissionType", detail.no_permission_type);
        writer.element(
            "EncodedDiagnosticMessage",
            detail.encoded_diagnostic_message,
        );
        writer.close("AccessDeniedDetail");
    }
    writer.close("Error");
    writer.finish()
}
