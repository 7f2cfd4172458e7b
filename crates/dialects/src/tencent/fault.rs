//! The error codes of API 2.0: a public code for every product, and sometimes a code of the product's own inside it.

use crate::Fault;

/// How much of a signed text is told to a caller whose signature does not match.
const TOLD_CHARS_MAX: usize = 2_000;

/// An error of a product's own. It rides in the message of a public error and lends it its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Module {
    /// Its number.
    pub(crate) code: u32,
    /// Its name.
    pub(crate) code_desc: &'static str,
}

/// What a product calls its own errors.
#[derive(Debug)]
pub(crate) struct Modules {
    /// A parameter is missing or wrong.
    pub(crate) parameter: Module,
    /// The policy forbids it, if the product has a code for that.
    pub(crate) forbidden: Option<Module>,
    /// Something that the call refers to does not exist, if the product has a code for that.
    pub(crate) missing: Option<Module>,
    /// The resource is needed by something else.
    pub(crate) in_use: Module,
    /// There are as many as there may be, if the product has a code for that.
    pub(crate) limit: Option<Module>,
    /// What refers to the resource would grow too large, if the product has a code for that.
    pub(crate) rules: Option<Module>,
    /// The resource is being changed.
    pub(crate) editing: Module,
    /// The product cannot answer now.
    pub(crate) busy: Module,
    /// Something broke inside.
    pub(crate) backend: Module,
}

/// An error as it stands in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WireError {
    /// The public code.
    pub(crate) code: u16,
    /// Its name, or that of the module error inside.
    pub(crate) code_desc: &'static str,
    /// The number of the module error inside.
    module: Option<u32>,
}

/// Turns a fault into its error, for every product of API 2.0.
///
/// | fault | code | codeDesc | bm | vpc |
/// | --- | --- | --- | --- | --- |
/// | `Malformed`, `TooLarge`, `UnknownFormat`, `MalformedTime` | 4000 | `InvalidParameter` | | |
/// | `MissingParameter`, `WrongType`, `InvalidParameter`, `IdempotencyMismatch` | 4000 | `InvalidParameter` | 10001 | 9003 |
/// | `MissingCredentials`, `MalformedCredentials`, `UnknownAlgorithm`, `DisabledKey`, `LockedKey`, `BadSignature` | 4100 | `AuthFailure` | | |
/// | `Forbidden` | 4101 | `UnauthorizedOperation` | | 29254 |
/// | `WrongProject` | 4103 | `UnauthorizedOperation` | | |
/// | `UnknownKey` | 4104 | `AuthFailure` | | |
/// | `BadToken`, `ExpiredToken` | 4105 | `AuthFailure` | | |
/// | `Throttled` | 4400 | `LimitExceeded` | | |
/// | `Skewed`, `Replayed` | 4500 | `ReplayAttack` | | |
/// | `UnknownMethod` | 4600 | `UnsupportedProtocol` | | |
/// | `NotFound`, `Gone` (told apart by their words) | 5000 | `InvalidResource.NotFound` | | |
/// | `NoSuchResource` | 5000 | `InvalidResource.NotFound` | | 29258 |
/// | `ResourceInUse` | 5100 | bm `OperationDenied.IncorrectInstanceStatus`, vpc `OperationFailed` | 12002 | 9003 |
/// | `LimitReached` | 5100 | `OperationFailed` | | 29260 |
/// | `RulesTooLarge` | 5100 | `OperationFailed` | | 29259 |
/// | `Busy` | 5100 | bm `OperationDenied.IncorrectInstanceStatus`, vpc `InternalError` | 12002 | 9005 |
/// | `Unavailable` | 6000 | bm `InternalError.DbError`, vpc `InternalError` | 9001 | 9005 |
/// | `Internal` | 6000 | bm `InternalError.DbError`, vpc `InternalError` | 9001 | 29257 |
/// | `UnknownAction`, `UnknownPath`, `UnknownVersion` | 6100 | `InvalidAction` | | |
///
/// The numbers of bm and vpc are those of their own tables (pages of `DescriptionOperationResult` and
/// `DescribeNetTaskResult`); they stand in the products' folders. A clock that is off is 4500 as in the newer pages, not
/// the older 4200. `UnknownMethod` takes the code for a protocol that is not spoken: there is none that is nearer.
pub(crate) fn error(fault: &Fault, modules: &Modules) -> WireError {
    match fault {
        Fault::Malformed(_)
        | Fault::TooLarge { .. }
        | Fault::UnknownFormat(_)
        | Fault::MalformedTime => public(4_000, "InvalidParameter"),
        Fault::MissingParameter(_)
        | Fault::WrongType { .. }
        | Fault::InvalidParameter { .. }
        | Fault::IdempotencyMismatch => inside(4_000, modules.parameter),
        Fault::MissingCredentials(_)
        | Fault::MalformedCredentials(_)
        | Fault::UnknownAlgorithm(_)
        | Fault::DisabledKey
        | Fault::LockedKey
        | Fault::BadSignature { .. } => public(4_100, "AuthFailure"),
        Fault::Forbidden { .. } => {
            perhaps_inside(4_101, "UnauthorizedOperation", modules.forbidden)
        }
        Fault::WrongProject => public(4_103, "UnauthorizedOperation"),
        Fault::UnknownKey => public(4_104, "AuthFailure"),
        Fault::BadToken | Fault::ExpiredToken => public(4_105, "AuthFailure"),
        Fault::Throttled { .. } => public(4_400, "LimitExceeded"),
        Fault::Skewed { .. } | Fault::Replayed => public(4_500, "ReplayAttack"),
        Fault::UnknownMethod => public(4_600, "UnsupportedProtocol"),
        Fault::NotFound | Fault::Gone => public(5_000, "InvalidResource.NotFound"),
        Fault::NoSuchResource(_) => {
            perhaps_inside(5_000, "InvalidResource.NotFound", modules.missing)
        }
        Fault::ResourceInUse { .. } => inside(5_100, modules.in_use),
        Fault::LimitReached { .. } => perhaps_inside(5_100, "OperationFailed", modules.limit),
        Fault::RulesTooLarge { .. } => perhaps_inside(5_100, "OperationFailed", modules.rules),
        Fault::Busy(_) => inside(5_100, modules.editing),
        Fault::Unavailable => inside(6_000, modules.busy),
        Fault::Internal => inside(6_000, modules.backend),
        Fault::UnknownAction(_) | Fault::UnknownPath | Fault::UnknownVersion(_) => {
            public(6_100, "InvalidAction")
        }
    }
}

fn public(code: u16, code_desc: &'static str) -> WireError {
    WireError {
        code,
        code_desc,
        module: None,
    }
}

fn perhaps_inside(code: u16, code_desc: &'static str, module: Option<Module>) -> WireError {
    module.map_or(public(code, code_desc), |module| inside(code, module))
}

fn inside(code: u16, module: Module) -> WireError {
    WireError {
        code,
        code_desc: module.code_desc,
        module: Some(module.code),
    }
}

impl WireError {
    /// The message: the module code in parentheses if there is one, and what is wrong.
    pub(crate) fn message(self, fault: &Fault) -> String {
        let module = self
            .module
            .map_or(String::new(), |code| format!("({code})"));
        format!("{module}{}", words(fault))
    }
}

/// What is wrong, for people.
pub(crate) fn words(fault: &Fault) -> String {
    // Who writes a signer wants to see where the texts part. The caller knows all that stands in it.
    if let Fault::BadSignature { text } = fault {
        let told: String = text.chars().take(TOLD_CHARS_MAX).collect();
        format!("{fault}; the text signed here is: {told}")
    } else {
        fault.to_string()
    }
}
