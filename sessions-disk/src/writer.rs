//! The writer thread.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use crate::bulk::{MAX_BULK, SWEEP_SLICE, slice_entries};
use crate::engine::Engine;
use crate::permits::Permit;
use crate::sweep_throttle::SweepThrottle;
use crate::tables::{BoxedOperation, Tables};

/// Maximum number of operations in one transaction.
const MAX_BATCH: usize = 512;

/// Maximum number of operations in one transaction while the disk is full.
const MAX_BATCH_ON_FULL_DISK: usize = 16;

/// A message to the writer.
pub(crate) enum Request<E: Engine> {
    /// Runs an operation in the next transaction.
    Run(BoxedOperation<E>, Permit),
    /// Runs an operation in slices, over many transactions.
    Bulk(BoxedOperation<E>),
    /// Runs an operation in slices, in the background.
    Sweep(BoxedOperation<E>),
    /// Wakes the writer because a reader has failed.
    Wake,
    /// Finishes everything accepted, then closes the files.
    Close,
}

/// The thread that batches operations into transactions.
///
/// While the disk makes one batch durable, the next gathers in the channel: the busier the store,
/// the more operations share a write.
pub(crate) struct Writer<E: Engine> {
    tables: Tables<E>,
    requests: Receiver<Request<E>>,
    /// Bulk operations in progress. They take turns: each transaction has a slice of up to
    /// [`MAX_BULK`] of them.
    bulk: VecDeque<BoxedOperation<E>>,
    /// Sweeps in progress. Each slice has its own transaction, so that its cost can be measured.
    sweeps: VecDeque<BoxedOperation<E>>,
    throttle: SweepThrottle,
    is_closing: bool,
}

impl<E: Engine> Writer<E> {
    pub(crate) fn new(tables: Tables<E>, requests: Receiver<Request<E>>) -> Self {
        let throttle = SweepThrottle::new(Instant::now());
        Self { tables, requests, bulk: VecDeque::new(), sweeps: VecDeque::new(), throttle, is_closing: false }
    }

    /// Runs until the store is closed or its last handle dropped, and everything accepted answered.
    pub(crate) fn run(mut self) {
        while let Some((operations, entries)) = self.gather() {
            let has_worked = !operations.is_empty();
            if has_worked {
                let unfinished = self.perform(operations, entries);
                self.bulk.extend(unfinished);
            }
            let now = Instant::now();
            if has_worked {
                self.throttle.record_work(now);
            }
            self.sweep(now);
            self.tables.recover();
        }
    }

    /// Returns the operations of the next transaction, and the entries per bulk operation.
    fn gather(&mut self) -> Option<(Vec<BoxedOperation<E>>, usize)> {
        let bulk = self.bulk.len().min(MAX_BULK);
        let mut operations: Vec<_> = self.bulk.drain(..bulk).collect();
        if operations.is_empty() {
            if !self.is_closing {
                self.wait(&mut operations);
            } else if self.sweeps.is_empty() {
                return None;
            }
        }
        while operations.len() < MAX_BATCH && !self.is_closing {
            match self.requests.try_recv() {
                Ok(request) => self.accept(request, &mut operations),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => self.is_closing = true,
            }
        }
        let entries = slice_entries(bulk, operations.len() - bulk);
        Some((operations, entries))
    }

    /// Waits for a request, or until a sweep or a recovery is due.
    fn wait(&mut self, operations: &mut Vec<BoxedOperation<E>>) {
        let received = match self.timeout() {
            None => self.requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(time) => self.requests.recv_timeout(time),
        };
        match received {
            Ok(request) => self.accept(request, operations),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => self.is_closing = true,
        }
    }

    /// Returns how long to wait for requests, `None` if nothing else is due.
    fn timeout(&self) -> Option<Duration> {
        let sweep = (!self.sweeps.is_empty()).then(|| self.throttle.delay(Instant::now()));
        sweep.into_iter().chain(self.tables.time_to_recover()).min()
    }

    fn accept(&mut self, request: Request<E>, operations: &mut Vec<BoxedOperation<E>>) {
        match request {
            Request::Run(operation, permit) => {
                drop(permit);
                operations.push(operation);
            }
            Request::Bulk(operation) => self.bulk.push_back(operation),
            Request::Sweep(sweep) => self.sweeps.push_back(sweep),
            Request::Wake => {}
            Request::Close => self.is_closing = true,
        }
    }

    /// Runs the next slice of a sweep, if it is due.
    fn sweep(&mut self, now: Instant) {
        if !self.is_closing && !self.throttle.delay(now).is_zero() {
            return;
        }
        if let Some(sweep) = self.sweeps.pop_front() {
            let unfinished = self.perform(vec![sweep], SWEEP_SLICE);
            self.sweeps.extend(unfinished);
            self.throttle.record_slice(now, Instant::now());
        }
    }

    /// Runs operations in one transaction, answers them, and returns the unfinished ones.
    ///
    /// A full disk has little room for the copies that a transaction makes, so transactions are
    /// small then. One that fails is split: an operation that needs more room fails alone, and one
    /// that ends a session succeeds.
    fn perform(&mut self, mut operations: Vec<BoxedOperation<E>>, entries: usize) -> Vec<BoxedOperation<E>> {
        let (most, entries) = if self.tables.is_disk_full() {
            (MAX_BATCH_ON_FULL_DISK, entries.min(MAX_BATCH_ON_FULL_DISK))
        } else {
            (MAX_BATCH + MAX_BULK, entries)
        };
        if operations.len() > most {
            return self.perform_in_parts(operations, most, entries);
        }
        match self.tables.transact(&mut operations, entries) {
            Ok(()) => operations.into_iter().filter_map(|operation| operation.applied()).collect(),
            Err(_) if operations.len() > 1 && self.tables.is_disk_full() => {
                let part = if operations.len() > MAX_BATCH_ON_FULL_DISK { MAX_BATCH_ON_FULL_DISK } else { 1 };
                self.perform_in_parts(operations, part, entries)
            }
            Err(error) => {
                operations.into_iter().for_each(|operation| operation.failed(&error));
                Vec::new()
            }
        }
    }

    fn perform_in_parts(
        &mut self,
        operations: Vec<BoxedOperation<E>>,
        part: usize,
        entries: usize,
    ) -> Vec<BoxedOperation<E>> {
        let mut unfinished = Vec::new();
        let mut operations = operations.into_iter().peekable();
        while operations.peek().is_some() {
            let part = operations.by_ref().take(part).collect();
            unfinished.extend(self.perform(part, entries));
        }
        unfinished
    }
}
