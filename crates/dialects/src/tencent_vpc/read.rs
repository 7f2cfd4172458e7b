//! Reading what vpc answers.

use crate::tencent::read::{Object, compact};
use crate::{Observation, Watched};
use longrun_model::{Failure, Mix};

/// Reads an envelope that tells something. The status alone decides; `output` explains.
pub(super) fn read(envelope: &Object) -> Observation {
    let data = envelope.object("data");
    let output = data.object("output");
    let state = state(data.word("status").unwrap_or_default());
    let message = output.message("message");
    let error = (state == Watched::Failed).then(|| {
        Failure::new(
            output.word("code").unwrap_or_default(),
            message.clone().unwrap_or_default(),
        )
    });
    Observation {
        kind: None,
        state,
        resources: Vec::new(),
        output: data.json("data").map(compact),
        message: message.or_else(|| envelope.message("message")),
        error,
    }
}

fn state(word: String) -> Watched {
    match word.as_str() {
        "0" => Watched::Succeeded,
        "1" => Watched::Failed,
        "2" => Watched::Running(Mix::UNFINISHED),
        _ => Watched::Unclear(word),
    }
}
