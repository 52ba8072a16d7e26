//! The thread that writes.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use crate::bulk::{SWEEP, WALKS, share};
use crate::engine::Engine;
use crate::permits::Permit;
use crate::sweep_throttle::SweepThrottle;
use crate::tables::{BoxedOperation, Tables};

/// Is how many operations share one transaction, at most.
const BATCH: usize = 512;

/// How many share one while the disk has no room.
const FEW: usize = 16;

/// Is what the writer is sent.
pub(crate) enum Request<E: Engine> {
    /// Asks for an operation in the next transaction.
    Run(BoxedOperation<E>, Permit),
    /// Asks for an operation of many transactions.
    BulkDestroy(BoxedOperation<E>),
    /// Asks for one that has time.
    Sweep(BoxedOperation<E>),
    /// Has it look whether readers have failed.
    Wake,
    /// Has it finish what it has accepted, and close the files.
    Close,
}

/// Takes operations off a channel, as many as there are, into one transaction.
///
/// While the disk makes one batch durable, the next gathers in the channel: the busier the store,
/// the more operations share a write.
pub(crate) struct Writer<E: Engine> {
    tables: Tables<E>,
    requests: Receiver<Request<E>>,
    /// Holds the walks under way. As many as may share a transaction have a slice in each, by
    /// turns.
    walks: VecDeque<BoxedOperation<E>>,
    /// Holds the sweeps under way. Their slices have transactions of their own, so that what they
    /// cost can be measured.
    sweeps: VecDeque<BoxedOperation<E>>,
    throttle: SweepThrottle,
    is_closing: bool,
}

impl<E: Engine> Writer<E> {
    pub(crate) fn new(tables: Tables<E>, requests: Receiver<Request<E>>) -> Self {
        let throttle = SweepThrottle::new(Instant::now());
        Self { tables, requests, walks: VecDeque::new(), sweeps: VecDeque::new(), throttle, is_closing: false }
    }

    /// Works until the store is closed or its last handle is gone, and everything accepted is
    /// answered.
    pub(crate) fn run(mut self) {
        while let Some((operations, share)) = self.gather() {
            let has_worked = !operations.is_empty();
            if has_worked {
                let unfinished = self.perform(operations, share);
                self.walks.extend(unfinished);
            }
            let now = Instant::now();
            if has_worked {
                self.throttle.worked(now);
            }
            self.sweep(now);
            self.tables.recover();
        }
    }

    /// Returns the operations of the next transaction, and the share in it that each walk has.
    fn gather(&mut self) -> Option<(Vec<BoxedOperation<E>>, usize)> {
        let walks = self.walks.len().min(WALKS);
        let mut operations: Vec<_> = self.walks.drain(..walks).collect();
        if operations.is_empty() {
            if !self.is_closing {
                self.wait(&mut operations);
            } else if self.sweeps.is_empty() {
                return None;
            }
        }
        while operations.len() < BATCH && !self.is_closing {
            match self.requests.try_recv() {
                Ok(request) => self.accept(request, &mut operations),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => self.is_closing = true,
            }
        }
        let share = share(walks, operations.len() - walks);
        Some((operations, share))
    }

    fn wait(&mut self, operations: &mut Vec<BoxedOperation<E>>) {
        let received = match self.patience() {
            None => self.requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(time) => self.requests.recv_timeout(time),
        };
        match received {
            Ok(request) => self.accept(request, operations),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => self.is_closing = true,
        }
    }

    /// Returns how long to wait for requests, `None` if there is nothing else to do.
    fn patience(&self) -> Option<Duration> {
        let sweep = (!self.sweeps.is_empty()).then(|| self.throttle.left(Instant::now()));
        sweep.into_iter().chain(self.tables.time_to_recover()).min()
    }

    fn accept(&mut self, request: Request<E>, operations: &mut Vec<BoxedOperation<E>>) {
        match request {
            Request::Run(operation, permit) => {
                drop(permit);
                operations.push(operation);
            }
            Request::BulkDestroy(walk) => self.walks.push_back(walk),
            Request::Sweep(sweep) => self.sweeps.push_back(sweep),
            Request::Wake => {}
            Request::Close => self.is_closing = true,
        }
    }

    /// Does a slice of a sweep, if it is time for one.
    fn sweep(&mut self, now: Instant) {
        if !self.is_closing && !self.throttle.left(now).is_zero() {
            return;
        }
        if let Some(sweep) = self.sweeps.pop_front() {
            let unfinished = self.perform(vec![sweep], SWEEP);
            self.sweeps.extend(unfinished);
            self.throttle.swept(now, Instant::now());
        }
    }

    /// Runs operations in one transaction and answers them. Returns those that are not done with
    /// it.
    ///
    /// A disk without room has little for copies of what a transaction changes, so transactions are
    /// small then. One that fails is split: what would grow fails alone, and what ends a session is
    /// done.
    fn perform(&mut self, mut operations: Vec<BoxedOperation<E>>, share: usize) -> Vec<BoxedOperation<E>> {
        let (most, share) = if self.tables.is_disk_full() { (FEW, share.min(FEW)) } else { (BATCH + WALKS, share) };
        if operations.len() > most {
            return self.perform_in_parts(operations, most, share);
        }
        match self.tables.transact(&mut operations, share) {
            Ok(()) => operations.into_iter().filter_map(|operation| operation.applied()).collect(),
            Err(_) if operations.len() > 1 && self.tables.is_disk_full() => {
                let part = if operations.len() > FEW { FEW } else { 1 };
                self.perform_in_parts(operations, part, share)
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
        share: usize,
    ) -> Vec<BoxedOperation<E>> {
        let mut unfinished = Vec::new();
        let mut operations = operations.into_iter().peekable();
        while operations.peek().is_some() {
            let part = operations.by_ref().take(part).collect();
            unfinished.extend(self.perform(part, share));
        }
        unfinished
    }
}
