// The core of the journal: a queue that any thread fills, one thread that writes its contents, and
// the index that both read. Critical sections are short: nothing is encoded, read or written under
// the lock. Not here: the public interface (journal.cpp), the rules of the disk (writer.hpp),
// freeing disk space (compactor.hpp).
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "spool/journal/compactor.hpp"
#include "spool/journal/disk_space.hpp"
#include "spool/journal/index.hpp"
#include "spool/journal/recovery.hpp"
#include "spool/journal/work.hpp"
#include "spool/journal/writer.hpp"

namespace postroad::spool {

/// The places of a message's records at one moment. They stay readable if it is removed.
struct Snapshot {
  struct Place {
    std::shared_ptr<Segment> segment;
    Location at;
  };
  Place commit;
  std::vector<Place> chunks;
  std::vector<Place> outcomes;
  std::vector<OutcomeRecord> unsaved;  ///< not on disk yet
  std::uint64_t size = 0;
  bool damaged = false;
};

class Engine final {
 public:
  Engine(std::unique_ptr<Disk> disk, const JournalOptions& options, Recovered recovered, Salt salt,
         std::uint64_t last_id);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine() { stop(); }

  void start();
  /// Writes what is queued, seals the segment and ends the thread. Later works are refused.
  void stop();

  // From any thread.
  Result<QueueId> next_id();
  Result<void> room(std::uint64_t bytes) { return space_.room(bytes); }
  Result<void> health();
  void submit(Work work);
  /// A commit with outcomes of message `commit.other`.
  void submit_joined(Work commit, std::vector<OutcomeRecord> outcomes);
  void submit_outcomes(QueueId id, std::vector<OutcomeRecord> outcomes, Done done);
  void submit_removal(QueueId id, Done done);
  void abandon(const std::shared_ptr<Flow>& flow);
  /// An empty buffer with the capacity of a chunk.
  std::string take_buffer();
  [[nodiscard]] bool ready() const noexcept { return pending_.load() < options_.pending_limit; }
  void when_ready(std::function<void()> resume);
  [[nodiscard]] std::size_t chunk_size() const noexcept { return options_.chunk_size; }
  [[nodiscard]] std::uint32_t payload_seed() const noexcept { return salt_.payload_seed(); }
  Result<Snapshot> find(QueueId id) const;
  /// Marks the message: a record of it was found damaged while reading.
  void note_damage(QueueId id, const Error& error);
  /// An outcome of the message cannot be read and counts as not recorded. Noted once per message.
  void note_lost_outcome(QueueId id, const Error& error);
  std::vector<Summary> list() const;
  std::vector<Summary> list_after(QueueId last, std::size_t most) const;
  void on_committed(std::function<void(QueueId)> listener) { listener_ = std::move(listener); }
  [[nodiscard]] Statistics statistics() const;
  [[nodiscard]] std::vector<std::string> findings() const;

 private:
  /// Outcomes and removals of a message that are not on disk yet.
  struct Unsaved {
    std::vector<std::pair<std::uint64_t, std::vector<OutcomeRecord>>> outcomes;
    std::uint32_t removals = 0;
  };

  /// Whether the disk takes writes. `is_refusing` is `refusing` for readers without the lock.
  struct Health {
    std::optional<Error> refusing;  ///< why no segment can be created
    std::optional<Error> failed;    ///< why the last batch was not written
    std::chrono::steady_clock::time_point failed_at{};
    bool probe = false;  ///< a caller asks whether the disk works again
    std::atomic<bool> is_refusing = false;
  };
  struct Counts {
    std::uint64_t tickets = 0;
    std::uint64_t commits = 0;
    std::uint64_t damaged = 0;
  };
  struct Batch {
    std::vector<Work> works;
    std::vector<Work> again;  ///< lazy works of a failed batch, for the next batch
    bool more = false;        ///< the compactor has more to do at once
    bool retrying = false;    ///< the queue begins with works of a failed batch
  };

  void loop();
  void wait_for_work(std::unique_lock<std::mutex>& lock);
  void push(Work work);
  void recycle();
  void resume_waiters();
  [[nodiscard]] bool is_hidden(std::uint64_t id) const;
  [[nodiscard]] std::optional<Error> refusal_of(std::uint64_t id,
                                                const std::vector<OutcomeRecord>& outcomes) const;
  std::uint64_t add_unsaved(std::uint64_t id, std::vector<OutcomeRecord> outcomes);

  void settle(std::span<Work> works, const Result<void>& result);
  void settle_success(Work& work);
  void settle_failure(Work& work, const Error& error);
  void settle_commit(Work& work);
  void add_outcome(std::uint64_t id, const Location& at, bool is_whole);
  void forget_unsaved(const Work& work);
  void forget_outcomes(std::uint64_t id, std::uint64_t ticket);
  void release(Flow& flow);
  void answer(Work& work) const;

  std::unique_ptr<Disk> disk_;
  JournalOptions options_;
  DiskSpace space_;
  Salt salt_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Work> queue_;
  std::vector<std::function<void()>> waiters_;
  std::vector<std::string> buffers_;
  std::unordered_map<std::uint64_t, Unsaved> unsaved_;
  Index index_;
  std::vector<std::string> findings_;
  std::unordered_set<std::uint64_t> with_lost_outcome_;
  Counts counts_;
  Health health_;
  bool urgent_ = false;  ///< a caller waits for a work in the queue
  bool idle_ = false;    ///< the writer thread waits
  bool closing_ = false;

  std::atomic<std::uint64_t> last_id_;
  std::atomic<std::size_t> pending_ = 0;
  std::function<void(QueueId)> listener_;

  // Only used by the writer thread.
  Writer writer_;
  Compactor compactor_;
  Batch batch_;
  std::thread thread_;
};

}  // namespace postroad::spool
