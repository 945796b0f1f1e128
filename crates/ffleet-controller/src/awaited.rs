//! What a job waits for, as far as that is known here.

use ffleet_engine::demand::demands;
use ffleet_sched::place::{self, Seen};
use ffleet_store::JobSummary;
use ffleet_types::node::{Order, State};
use ffleet_types::{Bytes, TaskId};

use crate::admission::need::need;
use crate::controller::Controller;

impl Controller {
    /// What each node that takes work has too little of for this job, or cannot do; nothing where one could take it, or
    /// there is none.
    pub(crate) fn awaited(&self, row: &JobSummary) -> Option<String> {
        // Of a job that is not kept in memory the input is not looked at again; it may need more room for files.
        let input = self.desk.input(TaskId::whole(row.id)).unwrap_or(Bytes(0));
        let need = need(&row.spec, input, &self.largest(), &self.policy.role_groups);
        let (now, term) = (self.clock.now(), self.policy.lease_term);
        let stations = self.desk.stations();
        let open = stations.iter().filter(|(_, station, ..)| {
            let is_there = station.state(now, term) == State::Active;
            is_there && station.order == Order::Accept && station.closed.is_none()
        });
        let seen = open.map(|(_, station, promised, _)| Seen {
            name: &station.description.name,
            engines: &station.description.engines,
            capacity: station.description.capacity,
            promised: *promised,
            rings: station.rings,
        });
        place::awaited(&need, &demands(&row.spec), &seen.collect::<Vec<_>>())
    }
}
