//! The operation as each of the four clouds' dialects tells of it, to a properly signed request.

use super::screen::Screen;
use super::stage::Stage;
use crate::client::wire::Operation;
use crate::table::{printable, shortened};
use anyhow::Context;
use longrun_dialects::{
    Credential, Dialect, Endpoint, Observation, QueryError, Signer, Target, Watched, named,
};
use longrun_engine::Clock;
use longrun_server::SystemClock;

/// How much of an answer is shown.
const ANSWER_CHARS_MAX: usize = 400;

/// What is needed to ask.
pub(super) struct Polls<'a> {
    http: reqwest::Client,
    stage: &'a Stage,
    /// Each dialect, and the id that it knows the operation by.
    targets: [(&'static dyn Dialect, String); 4],
}

impl<'a> Polls<'a> {
    /// Will ask for `operation`.
    pub(super) fn new(stage: &'a Stage, operation: &Operation) -> anyhow::Result<Self> {
        let dialect = |name| named(name).context("every dialect is known by its name");
        let targets = [
            (dialect("tencent-bm")?, operation.task_id.to_string()),
            (dialect("tencent-vpc")?, operation.task_id.to_string()),
            (dialect("alibaba-bpstudio")?, operation.id.clone()),
            (dialect("huawei-elb")?, operation.job_id.clone()),
        ];
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self {
            http,
            stage,
            targets,
        })
    }

    /// Asks in each dialect, and shows what is answered.
    pub(super) async fn show(&self, screen: &Screen, moment: &str) -> anyhow::Result<()> {
        let mut lines = vec![format!("\n{moment}. Each cloud's SDK is told:")];
        for (dialect, id) in &self.targets {
            let (text, told) = self.poll(*dialect, id).await?;
            let text = shortened(&printable(&text), ANSWER_CHARS_MAX);
            lines.push(format!("  {:16}  {}", dialect.name(), meaning(&told)));
            lines.push(format!("    {text}"));
        }
        lines.push(String::new());
        screen.say(&lines.join("\n"))
    }

    async fn poll(
        &self,
        dialect: &dyn Dialect,
        id: &str,
    ) -> anyhow::Result<(String, Result<Observation, QueryError>)> {
        let key = &self.stage.key;
        let target = Target {
            id: id.into(),
            project: key.projects.first().map(Into::into),
            ..Target::default()
        };
        let endpoint = Endpoint {
            scheme: "http",
            authority: &self.stage.authority,
        };
        let credential = Credential::AccessKey {
            id: (&key.id).into(),
            secret: (&key.secret).into(),
            session_token: None,
        };
        let now = SystemClock.now();
        let signer = Signer::new(&endpoint, &credential, now, fastrand::u128(..));
        let request = dialect.poll(&target, &signer)?;
        let response = self.http.execute(request.try_into()?).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await?;
        let told = dialect.read(status, &headers, &body);
        Ok((String::from_utf8_lossy(&body).into_owned(), told))
    }
}

/// What the SDK makes of the answer.
fn meaning(told: &Result<Observation, QueryError>) -> String {
    let observation = match told {
        Ok(observation) => observation,
        Err(error) => return format!("refused: {error}"),
    };
    match &observation.state {
        Watched::Queued => "queued".to_owned(),
        Watched::Running(mix) => {
            let parts = [
                (mix.has_succeeded(), "some succeeded"),
                (mix.has_failed(), "some failed"),
                (mix.has_succeeded() || mix.has_failed(), "some unfinished"),
            ];
            let parts = parts
                .iter()
                .filter(|(holds, _)| *holds)
                .map(|(_, words)| *words);
            let words: Vec<&str> = std::iter::once("running").chain(parts).collect();
            words.join(", ")
        }
        Watched::Succeeded => "succeeded".to_owned(),
        Watched::Failed => "failed".to_owned(),
        Watched::Partial => "partly succeeded".to_owned(),
        Watched::Unclear(word) => format!("unclear: {word}"),
    }
}
