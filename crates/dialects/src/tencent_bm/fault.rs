//! What bare metal calls its own errors: the two of the page of `DescriptionOperationResult`.

use crate::tencent::fault::{Module, Modules};

const DATABASE: Module = Module {
    code: 9_001,
    code_desc: "InternalError.DbError",
};

/// The product's own errors.
pub(super) const MODULES: Modules = Modules {
    parameter: Module {
        code: 10_001,
        code_desc: "InvalidParameter",
    },
    forbidden: None,
    busy: DATABASE,
    backend: DATABASE,
};
