//! What bare metal calls its own errors: the two of the page of `DescriptionOperationResult`, and one that the pages
//! of the submitting actions have besides.

use crate::tencent::fault::{Module, Modules};

const DATABASE: Module = Module {
    code: 9_001,
    code_desc: "InternalError.DbError",
};

/// A machine is not in a state in which that can be done.
const STATUS: Module = Module {
    code: 12_002,
    code_desc: "OperationDenied.IncorrectInstanceStatus",
};

/// The product's own errors.
pub(super) const MODULES: Modules = Modules {
    parameter: Module {
        code: 10_001,
        code_desc: "InvalidParameter",
    },
    forbidden: None,
    missing: None,
    in_use: STATUS,
    limit: None,
    rules: None,
    editing: STATUS,
    busy: DATABASE,
    backend: DATABASE,
};
