// A spool with a disk that a simulation decides about: a record is visible at once and on disk some
// time later, and a crash takes back what was not on disk yet. One thread; time is the
// simulation's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "spool/spool.hpp"

namespace postroad::simulate {

class SimSpool final : public spool::Spool {
 public:
  /// Calls back after the time that a sync takes.
  using Later = std::function<void(std::function<void()>)>;
  explicit SimSpool(Later later) : later_(std::move(later)) {}

  /// Called with the number of each write, from 1: when it is asked for, and once more when it is
  /// on disk and no caller knows. The process may end in the second call.
  void watch(std::function<void(std::uint64_t write, bool is_on_disk)> seen) {
    seen_ = std::move(seen);
  }
  /// Called when the next write is on disk, whether the process lives on or not.
  void when_on_disk(std::function<void()> there) { there_ = std::move(there); }
  [[nodiscard]] std::uint64_t writes() const { return writes_; }
  /// The process ends: only what is on disk remains. No callback is called after it.
  void crash();
  /// A new message, on disk when `done` is called.
  spool::QueueId put(spool::Envelope envelope, std::function<void()> done);
  /// The state on disk; null: the message is not there.
  [[nodiscard]] const spool::Envelope* on_disk(spool::QueueId id) const;
  [[nodiscard]] std::size_t count() const { return now_.size(); }

  Result<std::unique_ptr<spool::Incoming>> begin() override;
  Result<void> room(std::uint64_t) override { return {}; }
  Result<spool::Envelope> envelope(spool::QueueId id) override;
  Result<std::uint64_t> size(spool::QueueId id) override;
  Result<std::unique_ptr<spool::Reader>> read(spool::QueueId id) override;
  std::vector<spool::Summary> list() override;
  std::vector<spool::Summary> list_after(spool::QueueId last, std::size_t most) override;
  void record(spool::QueueId id, std::vector<spool::OutcomeRecord> outcomes,
              spool::Done done) override;
  void commit_with(std::unique_ptr<spool::Incoming> incoming, spool::Envelope envelope,
                   spool::QueueId other, std::vector<spool::OutcomeRecord> outcomes,
                   spool::Done done) override;
  /// As commit_with.
  void report(spool::Envelope bounce, spool::QueueId other,
              std::vector<spool::OutcomeRecord> outcomes, spool::Done done);
  void remove(spool::QueueId id, spool::Done done) override;
  void on_committed(std::function<void(spool::QueueId)> listener) override {
    listener_ = std::move(listener);
  }
  [[nodiscard]] spool::Statistics statistics() const override { return {}; }
  [[nodiscard]] std::vector<std::string> findings() const override { return {}; }

 private:
  using Messages = std::map<spool::QueueId, spool::Envelope>;
  // Applies the change to the disk after a sync, and calls back, unless the process has ended.
  void sync(std::function<void(Messages&)> change, spool::Done done);

  Later later_;
  Messages now_;
  Messages disk_;
  std::uint64_t last_id_ = 0;
  std::uint64_t process_ = 0;  // counts crashes
  std::uint64_t writes_ = 0;
  std::function<void(std::uint64_t, bool)> seen_;
  std::function<void()> there_;
  std::function<void(spool::QueueId)> listener_;
};

}  // namespace postroad::simulate
