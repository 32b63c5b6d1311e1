// The inside of the outbox: what its interface (outbox.cpp) and its worker (outbox_worker.cpp)
// share.
#pragma once

#include <postroad/outbox.hpp>

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "queue/due_queue.hpp"
#include "queue/schedule.hpp"
#include "relay/spool_source.hpp"
#include "spool/spool.hpp"

namespace postroad {

struct Outbox::State {
  State(OutboxOptions asked, std::unique_ptr<spool::Spool> opened);
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // One mail under way.
  struct Job {
    spool::QueueId id;
    spool::Envelope envelope;
    std::vector<std::uint32_t> recipients;  // those that are tried now
    std::unique_ptr<relay::SpoolSource> source;
  };

  // How a relay of the options cannot be one, if it cannot.
  static std::optional<Error> wrong_relay(const OutboxOptions& options);
  void take_up(spool::QueueId id);
  void run();
  void look_at(spool::QueueId id);
  void start(std::shared_ptr<Job> job);
  void ended(Job& job, const Result<SendReport>& result);
  void settle(Job& job, std::uint32_t recipient, Outcome outcome, std::string note);
  void plan_next(spool::QueueId id, const spool::Envelope& envelope);
  void plan(std::int64_t when, spool::QueueId id);
  void record(spool::QueueId id, std::vector<spool::OutcomeRecord> outcomes);
  bool is_recorded(spool::QueueId id);
  Result<std::string> keep(const Envelope& envelope, MessageSource& source, std::string_view key);

  OutboxOptions options;
  queue::Schedule schedule;
  queue::DueQueue due_queue;

  // Held from reading outcomes to recording others: what is decided is not written over.
  std::mutex outcomes_mutex;
  mutable std::mutex mutex;
  mutable std::condition_variable bell;  // rung when a mail's state changed or a call ended
  // By key: the id, or an empty one while it is being written.
  std::map<std::string, std::string, std::less<>> keys;
  std::map<std::uint64_t, Pool::Ticket> tickets;  // of the calls under way, by the mail's id
  std::size_t under_way = 0;
  // By id: when the due_queue gives it next. `flush` adds entries, and each would beget another.
  std::map<std::uint64_t, std::int64_t> planned;
  // By id: outcomes on their way to the disk, and whether it refused them. Until they are there the
  // spool may show what was before.
  struct Recording {
    std::vector<spool::OutcomeRecord> outcomes;
    bool was_refused = false;
  };
  std::map<std::uint64_t, Recording> recordings;
  bool stopping = false;
  // These end first: what they call back touches all of the above.
  std::unique_ptr<spool::Spool> spool;
  Pool pool;
  std::thread worker;
};

}  // namespace postroad
