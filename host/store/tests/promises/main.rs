//! What the store promises, one file per promise. The databases are real files.

#[cfg(test)]
mod backup;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod dead;
#[cfg(test)]
mod disk;
#[cfg(test)]
#[expect(dead_code, unreachable_pub, reason = "the kit of the end-to-end tests uses the rest")]
#[path = "../../../../tests/kit/disk.rs"]
mod disk_kit;
#[cfg(test)]
mod duplicates;
#[cfg(test)]
mod erase;
#[cfg(test)]
mod failing_disk;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod listing;
#[cfg(test)]
mod model;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod order;
#[cfg(test)]
mod privacy;
#[cfg(test)]
mod sends;
mod states;
#[cfg(test)]
mod timers;
#[cfg(test)]
mod turns;
#[cfg(test)]
mod values;
#[cfg(test)]
mod vault;
#[cfg(test)]
mod versions;
