//! What vpc calls its own errors: four of the seven of the page of `DescribeNetTaskResult`. The page has numbers and
//! reasons only, so their names are the public ones.

use crate::tencent::fault::{Module, Modules};

/// Something broke inside, or a task failed and nobody gave it a number.
pub(super) const BACKEND: Module = Module {
    code: 29_257,
    code_desc: "InternalError",
};

/// The product's own errors.
pub(super) const MODULES: Modules = Modules {
    parameter: Module {
        code: 9_003,
        code_desc: "InvalidParameter",
    },
    forbidden: Some(Module {
        code: 29_254,
        code_desc: "UnauthorizedOperation",
    }),
    busy: Module {
        code: 9_005,
        code_desc: "InternalError",
    },
    backend: BACKEND,
};
