// See sim_spool.hpp.
#include "sim_spool.hpp"

namespace postroad::simulate {

using spool::Envelope;
using spool::QueueId;

namespace {

constexpr std::uint64_t size_of_each = 10'000;

Error absent(QueueId id) { return fail(Fault::not_found, id.text(), "not in the queue"); }

Error not_simulated() { return fail(Fault::unsupported, "simulation", "no bytes are stored"); }

void apply_all(Envelope& envelope, const std::vector<spool::OutcomeRecord>& outcomes) {
  for (const auto& one : outcomes) spool::apply(envelope, one);
}

}  // namespace

void SimSpool::crash() {
  ++process_;
  now_ = disk_;
  listener_ = {};
}

void SimSpool::sync(std::function<void(Messages&)> change, spool::Done done) {
  const auto write = ++writes_;
  if (seen_) seen_(write, false);
  later_([this, write, process = process_, change = std::move(change), done = std::move(done),
          there = std::exchange(there_, {})] {
    if (process != process_) return;
    change(disk_);
    if (there) there();
    if (seen_) seen_(write, true);
    if (done && process == process_) done({});
  });
}

QueueId SimSpool::put(Envelope envelope, std::function<void()> done) {
  const QueueId id{++last_id_};
  sync([id, envelope = std::move(envelope)](Messages& disk) { disk[id] = envelope; },
       [this, id, done = std::move(done)](const Result<void>&) {
         now_[id] = disk_.at(id);
         if (listener_) listener_(id);
         done();
       });
  return id;
}

const Envelope* SimSpool::on_disk(QueueId id) const {
  const auto found = disk_.find(id);
  return found == disk_.end() ? nullptr : &found->second;
}

Result<std::unique_ptr<spool::Incoming>> SimSpool::begin() { return not_simulated(); }

Result<Envelope> SimSpool::envelope(QueueId id) {
  const auto found = now_.find(id);
  if (found == now_.end()) return absent(id);
  return found->second;
}

Result<std::uint64_t> SimSpool::size(QueueId id) {
  if (!now_.contains(id)) return absent(id);
  return std::uint64_t{size_of_each};
}

Result<std::unique_ptr<spool::Reader>> SimSpool::read(QueueId) { return not_simulated(); }

std::vector<spool::Summary> SimSpool::list() {
  std::vector<spool::Summary> all;
  for (const auto& [id, envelope] : now_) all.push_back({id, size_of_each});
  return all;
}

std::vector<spool::Summary> SimSpool::list_after(QueueId, std::size_t) { return {}; }

void SimSpool::record(QueueId id, std::vector<spool::OutcomeRecord> outcomes, spool::Done done) {
  const auto found = now_.find(id);
  if (found == now_.end()) {
    if (done) done(absent(id));
    return;
  }
  apply_all(found->second, outcomes);
  sync(
      [id, outcomes = std::move(outcomes)](Messages& disk) {
        if (const auto there = disk.find(id); there != disk.end())
          apply_all(there->second, outcomes);
      },
      std::move(done));
}

void SimSpool::commit_with(std::unique_ptr<spool::Incoming>, Envelope, QueueId,
                           std::vector<spool::OutcomeRecord>, spool::Done done) {
  done(not_simulated());
}

void SimSpool::report(Envelope bounce, QueueId other, std::vector<spool::OutcomeRecord> outcomes,
                      spool::Done done) {
  const QueueId id{++last_id_};
  apply_all(now_.at(other), outcomes);
  sync(
      [id, other, outcomes = std::move(outcomes), bounce = std::move(bounce)](Messages& disk) {
        disk[id] = bounce;
        if (const auto there = disk.find(other); there != disk.end())
          apply_all(there->second, outcomes);
      },
      [this, id, done = std::move(done)](const Result<void>& kept) {
        now_[id] = disk_.at(id);
        if (listener_) listener_(id);
        done(kept);
      });
}

void SimSpool::remove(QueueId id, spool::Done done) {
  now_.erase(id);
  sync([id](Messages& disk) { disk.erase(id); }, std::move(done));
}

}  // namespace postroad::simulate
