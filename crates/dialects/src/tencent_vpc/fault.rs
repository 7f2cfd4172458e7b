//! What vpc calls its own errors: the seven of the page of `DescribeNetTaskResult`. The page has numbers and
//! reasons only, so their names are the public ones.

use crate::tencent::fault::{Module, Modules};

/// Something broke inside, or a task failed and nobody gave it a number.
pub(super) const BACKEND: Module = Module {
    code: 29_257,
    code_desc: "InternalError",
};

const PARAMETER: Module = Module {
    code: 9_003,
    code_desc: "InvalidParameter",
};

/// The system is busy, or something related is being edited.
const BUSY: Module = Module {
    code: 9_005,
    code_desc: "InternalError",
};

/// The product's own errors.
pub(super) const MODULES: Modules = Modules {
    parameter: PARAMETER,
    forbidden: Some(Module {
        code: 29_254,
        code_desc: "UnauthorizedOperation",
    }),
    missing: Some(Module {
        code: 29_258,
        code_desc: "InvalidResource.NotFound",
    }),
    // The page has no number for it. The caller chose the wrong template.
    in_use: Module {
        code_desc: "OperationFailed",
        ..PARAMETER
    },
    limit: Some(Module {
        code: 29_260,
        code_desc: "OperationFailed",
    }),
    rules: Some(Module {
        code: 29_259,
        code_desc: "OperationFailed",
    }),
    editing: BUSY,
    busy: BUSY,
    backend: BACKEND,
};
