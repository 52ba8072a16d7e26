//! The thread that writes.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};

use crate::engine::Engine;
use crate::tables::{BoxedOperation, Tables};

/// Is how many operations share one transaction, at most.
const BATCH: usize = 512;

/// Is what the writer is sent.
pub(crate) enum Request<E: Engine> {
    /// Asks for an operation in the next transaction.
    Run(BoxedOperation<E>),
    /// Asks for an operation of many transactions.
    Walk(BoxedOperation<E>),
    /// Has it look whether readers have failed.
    Wake,
    /// Has it finish what it has accepted, and close the files.
    Close,
}

/// Takes operations off a channel, as many as there are, into one transaction.
///
/// While the disk makes one batch durable, the next gathers in the channel: the busier the store, the more operations share a write.
pub(crate) struct Writer<E: Engine> {
    tables: Tables<E>,
    requests: Receiver<Request<E>>,
    /// Holds the walks under way. One of them has a slice in each transaction.
    walks: VecDeque<BoxedOperation<E>>,
    is_closing: bool,
}

impl<E: Engine> Writer<E> {
    pub(crate) const fn new(tables: Tables<E>, requests: Receiver<Request<E>>) -> Self {
        Self { tables, requests, walks: VecDeque::new(), is_closing: false }
    }

    /// Works until the store is closed or its last handle is gone, and everything accepted is answered.
    pub(crate) fn run(mut self) {
        while let Some(operations) = self.gather() {
            self.perform(operations);
            self.tables.heal();
        }
    }

    fn gather(&mut self) -> Option<Vec<BoxedOperation<E>>> {
        let mut operations = Vec::new();
        operations.extend(self.walks.pop_front());
        if operations.is_empty() {
            if self.is_closing {
                return None;
            }
            self.wait(&mut operations);
        }
        while operations.len() < BATCH && !self.is_closing {
            match self.requests.try_recv() {
                Ok(request) => self.accept(request, &mut operations),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => self.is_closing = true,
            }
        }
        Some(operations)
    }

    fn wait(&mut self, operations: &mut Vec<BoxedOperation<E>>) {
        let received = match self.tables.time_to_healing() {
            None => self.requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(time) => self.requests.recv_timeout(time),
        };
        match received {
            Ok(request) => self.accept(request, operations),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => self.is_closing = true,
        }
    }

    fn accept(&mut self, request: Request<E>, operations: &mut Vec<BoxedOperation<E>>) {
        match request {
            Request::Run(operation) => operations.push(operation),
            Request::Walk(walk) => self.walks.push_back(walk),
            Request::Wake => {}
            Request::Close => self.is_closing = true,
        }
    }

    fn perform(&mut self, mut operations: Vec<BoxedOperation<E>>) {
        if operations.is_empty() {
            return;
        }
        match self.tables.transact(&mut operations) {
            Ok(()) => {
                let unfinished = operations.into_iter().filter_map(|operation| operation.applied());
                self.walks.extend(unfinished);
            }
            Err(error) => operations.into_iter().for_each(|operation| operation.failed(&error)),
        }
    }
}
