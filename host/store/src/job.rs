//! A job: a call on its way to the writer and back.

use hodhod_core::store::StoreError;
use tokio::sync::oneshot;

use crate::encode::Weight;
use crate::tables::Tables;
use crate::write_back::WriteBack;

/// What one kind of call does. It may be run more than once, each time after a rollback.
pub(crate) trait Work: Send + 'static {
    /// What the caller gets.
    type Output: Send + 'static;

    /// For errors: "{OPERATION} in {file}: …".
    const OPERATION: &'static str;

    fn weight(&self) -> Weight;

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<Progress<Self::Output>>;

    /// What was run is committed, and there is more to do.
    fn committed(&mut self) {}

    /// What was run to its end is committed. What cannot be done within a transaction is done here, before the
    /// caller is told.
    fn afterwards(&mut self, _output: &mut Self::Output, _log: &WriteBack<'_>) {}
}

/// How far a job got in this transaction.
pub(crate) enum Progress<T> {
    /// To its end.
    Done(T),
    /// The rest is for a later transaction, so that nobody waits long.
    More,
}

/// A call of any kind.
pub(crate) trait Job: Send {
    fn operation(&self) -> &'static str;

    fn weight(&self) -> Weight;

    /// Runs inside a transaction. What comes out of it is kept until [`answer`](Self::answer).
    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<()>;

    /// Does what is to be done after the commit.
    fn afterwards(&mut self, log: &WriteBack<'_>);

    /// Tells the caller. Gives the job back if it has more to do.
    fn answer(self: Box<Self>) -> Option<Box<dyn Job>>;

    /// Tells the caller that it failed.
    fn fail(self: Box<Self>, error: StoreError);
}

type Reply<W> = Result<<W as Work>::Output, StoreError>;

/// A caller's work and the way back to the caller, who may have stopped listening.
pub(crate) struct Call<W: Work> {
    work: W,
    output: Option<W::Output>,
    reply: oneshot::Sender<Reply<W>>,
}

impl<W: Work> Call<W> {
    pub(crate) fn job(work: W) -> (Box<dyn Job>, oneshot::Receiver<Reply<W>>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { work, output: None, reply }), answer)
    }
}

impl<W: Work> Job for Call<W> {
    fn operation(&self) -> &'static str {
        W::OPERATION
    }

    fn weight(&self) -> Weight {
        self.work.weight()
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<()> {
        self.output = match self.work.run(tables)? {
            Progress::Done(output) => Some(output),
            Progress::More => None,
        };
        Ok(())
    }

    fn afterwards(&mut self, log: &WriteBack<'_>) {
        if let Some(output) = &mut self.output {
            self.work.afterwards(output, log);
        }
    }

    fn answer(mut self: Box<Self>) -> Option<Box<dyn Job>> {
        match self.output.take() {
            Some(output) => {
                // A caller that stopped listening does not undo its call.
                drop(self.reply.send(Ok(output)));
                None
            }
            None => {
                self.work.committed();
                Some(self)
            }
        }
    }

    fn fail(self: Box<Self>, error: StoreError) {
        drop(self.reply.send(Err(error)));
    }
}
