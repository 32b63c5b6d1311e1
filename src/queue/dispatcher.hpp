// Carries every message of a spool to where its recipients are: takes what is due from the
// Schedule, asks the Routes, gives each site's recipients to its Carrier, records what became of
// them, and schedules the next attempt. The one loop behind the server's delivery and the library's
// Outbox.
//
// Promises. A recipient is in one attempt at a time. Its outcome is recorded when its carrier
// reports it; until the record is on disk the message is in no attempt, and a record that
// the disk refuses is given to it again, so that nothing is sent twice while the process lives. A
// crash before the record causes a second delivery, never a loss.
//
// Not here: how mail is carried (carrier.hpp), when (schedule.hpp), what an outcome means
// (settlement.hpp).
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "queue/carrier.hpp"
#include "queue/facts.hpp"
#include "queue/load_times.hpp"
#include "queue/lookups.hpp"
#include "queue/reports.hpp"
#include "queue/schedule.hpp"
#include "queue/settlement.hpp"
#include "spool/spool.hpp"

namespace postroad::queue {

/// Notifications to the owner of a dispatcher, on the dispatcher's thread. It must not throw and
/// must not call the dispatcher's stop().
class DispatcherObserver {
 public:
  virtual ~DispatcherObserver() = default;
  /// One recipient of an attempt.
  virtual void settled(const Part&, const spool::OutcomeRecord&) {}
  /// After the records of an attempt were given to the spool: the envelope as it is now.
  virtual void attempted(spool::QueueId, const spool::Envelope&) {}
  /// A message left the queue.
  virtual void removed(spool::QueueId, const spool::Envelope&) {}
  virtual void unreadable(spool::QueueId, const Error&) {}
  /// A site stopped accepting messages, with the reason; or it accepts them again or is another
  /// destination now (empty reason). Each change once.
  virtual void site_changed(const std::string& /*site*/, const std::string& /*reason*/) {}
  /// A host of a site asked for less: the site gets so many messages at once from now on.
  virtual void site_limited(const std::string& /*site*/, std::size_t /*limit*/,
                            const std::string& /*reason*/) {}
  /// A host of a site asked to wait for a time: nothing is sent there until then.
  virtual void site_waits(const std::string& /*site*/, std::chrono::milliseconds /*pause*/,
                          const std::string& /*reason*/) {}
  /// A request about a message is on disk.
  virtual void requested(Request, spool::QueueId, const spool::Envelope&) {}
  /// An exception ended a step of the queue (no memory, no thread). The message is tried later.
  virtual void failed(const std::string& /*reason*/) {}
};

struct DispatcherSettings {
  SettlementPolicy settlement;
  PausePolicy pauses;
  /// Discards every message unread: for measuring the intake.
  bool discard = false;
  /// Unix milliseconds at which a finished message leaves the spool; nullopt: it stays.
  std::function<std::optional<std::int64_t>(const spool::Envelope&)> removal;
  /// Tells senders what became of their messages. With it a message leaves the spool when its
  /// recipients are delivered or refused and its sender has been told; without it, and without
  /// `removal`, when all are delivered. Null: senders are not told.
  std::shared_ptr<Reporter> reporter;
};

/// Thread rule: the public members from any thread, except for turn(), which a test calls in place
/// of start().
class Dispatcher final {
 public:
  using Clock = std::function<Now()>;
  /// Spool and observer outlive it. Nothing happens before start().
  Dispatcher(spool::Spool& spool, DispatcherObserver& observer,
             std::shared_ptr<const Routes> routes, DispatcherSettings settings,
             Clock clock = system_clock);
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;
  /// As stop(now), unless it was stopped.
  ~Dispatcher();

  void start();
  /// Other routes and settings, from the next attempt on. A site with another carrier is as new:
  /// pauses, failures and attempts of the carrier before do not count. Sites get the new pauses and
  /// their carriers' limits. Parked messages are tried again where `on_unknown` becomes `retry`.
  void change(std::shared_ptr<const Routes> routes, DispatcherSettings settings);
  /// A message that is in the spool. Also from the spool's own thread.
  void add(spool::QueueId id);
  /// Makes all messages due that wait for a retry.
  void flush();
  using RequestDone = std::function<void(std::size_t)>;
  /// Serves the request for each of these messages. For a message that is being attempted it is
  /// served after the outcome. `done` is called once, from any thread, when all records are on
  /// disk, with the number of messages for which the request was accepted: one that is gone, or
  /// whose record the disk refuses, is not counted.
  void request(Request what, std::vector<spool::QueueId> ids, RequestDone done);
  /// Calls back on the dispatcher's thread.
  void find(spool::QueueId id, std::function<void(const Whereabouts&)> found);
  /// Calls back on the dispatcher's thread with all sites that are in use, held or learnt about.
  void find_sites(std::function<void(std::vector<SiteFacts>)> found);
  /// Serves the request for the sites of these names, which need not be in use. Calls back on the
  /// dispatcher's thread.
  void request_sites(SiteRequest what, std::vector<std::string> names, std::function<void()> done);
  /// Before start(): what an earlier process knew.
  void remember(const std::vector<SiteFacts>& sites);
  /// No new attempt; attempts that have not sent their final dot end, as not tried. Does not wait.
  void begin_stop();
  /// As begin_stop(); then attempts whose final dot was sent get until then for the reply. Returns
  /// when all is recorded.
  void stop(std::chrono::steady_clock::time_point until);
  /// Why a site accepts no messages now; empty: it does.
  [[nodiscard]] std::string trouble(const std::string& site) const;

  /// As of the last turn.
  [[nodiscard]] QueueCounts counts() const;

  /// Does everything that is due, without waiting. Gives when to call it again, at the latest.
  std::optional<Time> turn();
  /// Sites that are in use, or of which something was learnt. Thread rule: as turn().
  [[nodiscard]] std::size_t sites() const { return lines_.size(); }
  static Now system_clock();

 private:
  // A part that a carrier has.
  struct Active {
    Part part;
    std::string site;
    Site::Epoch began = 0;
    std::shared_ptr<Carrier> carrier;  // null: there is no route, `note` says why
    std::string note;
    bool covers_all = false;  // no other recipient of the message is open
    std::vector<spool::OutcomeRecord> records;
    bool is_removal = false;  // recorded by the removal of the message
    bool is_counted = false;  // in under_way_
    bool is_report = false;   // the reporter has it, in place of a carrier
  };
  using ActivePointer = std::shared_ptr<Active>;
  struct Ended {
    ActivePointer active;
    Attempt attempt;
  };
  struct Recorded {
    ActivePointer active;
    bool was_refused = false;
  };
  struct Change {
    std::shared_ptr<const Routes> routes;
    DispatcherSettings settings;
  };
  struct Asked {
    Request what = Request::hold;
    std::vector<spool::QueueId> ids;
    RequestDone done;
  };
  struct Search {
    spool::QueueId id;
    std::function<void(const Whereabouts&)> found;
  };
  // Counts the messages of a request whose records are on disk; the last one calls back.
  struct Tally {
    std::size_t count = 0;
    RequestDone done;
    ~Tally() {
      if (done) tell([this] { done(count); });
    }
  };
  // The records of a request are on disk, or were refused.
  struct Stored {
    ActivePointer active;
    Request what = Request::hold;
    bool was_refused = false;
    std::shared_ptr<Tally> tally;
  };
  struct SiteAsked {
    SiteRequest what = SiteRequest::hold;
    std::vector<std::string> names;
    std::function<void()> done;
  };
  // The inbox: requests of other threads.
  struct Inbox {
    std::vector<spool::QueueId> added;
    std::vector<Ended> ended;
    std::vector<Recorded> recorded;
    std::vector<Recorded> reported;
    std::vector<Asked> asked;
    std::vector<Stored> stored;
    std::vector<Lookups::Key> found;
    std::vector<Search> searches;
    std::vector<SiteAsked> asked_of_sites;
    std::vector<std::function<void(std::vector<SiteFacts>)>> site_searches;
    std::optional<Change> change;
    bool flush = false;
    [[nodiscard]] bool is_empty() const {
      return added.empty() && ended.empty() && recorded.empty() && reported.empty() &&
             asked.empty() && stored.empty() && searches.empty() && asked_of_sites.empty() &&
             site_searches.empty() && found.empty() && !change && !flush;
    }
  };
  struct Line {
    Site site;
    bool is_down = false;  // as the observer was told
    std::weak_ptr<Carrier> carrier{};
  };

  static constexpr std::size_t most_per_turn =
      512;  // due messages, so that ended attempts are seen
  static constexpr std::size_t most_under_way = 4096;  // attempts and records: each has an envelope
  static constexpr std::size_t first_sweep = 1000;
  void run();
  // Notifies only a thread that waits: under load none does, and each notification is a system
  // call. It happens under the lock: after the last post the owner may destroy the dispatcher.
  // False: the thread has ended, and nothing was posted.
  template <class Tell>
  bool post(Tell tell) {
    const std::lock_guard lock(mutex_);
    if (is_done_) return false;
    tell(inbox_);
    if (std::exchange(is_idle_, false)) bell_.notify_all();
    return true;
  }
  // An exception ends the step of one message and not the thread.
  template <class Call>
  void run_step(const ActivePointer& active, Call step) {
    try {
      step();
    } catch (...) {
      step_failed();
      abandon(active);
    }
  }
  template <class Call>
  void run_step(spool::QueueId id, Call step) {
    try {
      step();
    } catch (...) {
      step_failed();
      abandon(id);
    }
  }
  static std::string exception_text();
  void step_failed() noexcept;
  void abandon(const ActivePointer& active) noexcept;
  void abandon(spool::QueueId id) noexcept;
  template <class Call>
  static void tell(Call call) noexcept {
    try {
      call();
    } catch (...) {  // the owner's own
    }
  }
  std::optional<Time> take_turn();
  void take_inbox();
  [[nodiscard]] bool is_stopping() const;
  void begin_carriers_stop();
  void take_change(Change change);
  void update_lines();
  std::optional<Active> open(spool::QueueId id);
  [[nodiscard]] std::size_t count_open(const spool::Envelope& envelope) const;
  void decide(Active part, Outcome outcome, std::string note);
  void count(Active& active);
  bool uncount(Active& active) noexcept;
  void take_request(const Asked& asked);
  void serve_request(Request what, spool::QueueId id, const std::shared_ptr<Tally>& tally);
  bool serve_request_after(spool::QueueId id);
  void serve_site_request(const SiteAsked& asked);
  void hold_site(const std::string& name);
  void unpark(const std::unordered_set<std::uint64_t>& ids);
  void unpark_all();
  [[nodiscard]] std::vector<std::uint32_t> free_of(spool::QueueId id,
                                                   const spool::Envelope& envelope,
                                                   std::vector<std::uint32_t> recipients);
  [[nodiscard]] bool is_in_line(spool::QueueId id, const std::string& site) const;
  void leave_line(spool::QueueId id, const Line& line);
  [[nodiscard]] bool is_reported_now(spool::QueueId id) const;
  bool note_entry(spool::QueueId id, Time due);
  bool take_entry(spool::QueueId id);
  void keep_learnt(const std::string& name, const Site& site);
  [[nodiscard]] SiteFacts facts_of(const std::string& name, const Site& site) const;
  [[nodiscard]] std::vector<SiteFacts> sites_now() const;
  void serve_flush(spool::QueueId id, const std::shared_ptr<Tally>& tally);
  void serve_removal(spool::QueueId id, const std::shared_ptr<Tally>& tally);
  void hold_during_attempt(spool::QueueId id, Request what, const std::shared_ptr<Tally>& tally);
  void store(spool::QueueId id, spool::Envelope envelope, std::vector<spool::OutcomeRecord> records,
             Request what, const std::shared_ptr<Tally>& tally);
  void end_stored(const Stored& stored);
  [[nodiscard]] bool is_held(spool::QueueId id) const;
  [[nodiscard]] std::vector<spool::OutcomeRecord> held_records(const spool::Envelope& envelope,
                                                               bool is_held) const;
  [[nodiscard]] Whereabouts find_now(spool::QueueId id) const;
  [[nodiscard]] bool is_late(const Part& part) const;
  bool reopen(Active& opened, const std::string& site);
  void look_at(const Schedule::Taken& taken);
  void dispatch(Active opened, bool is_flushed);
  [[nodiscard]] bool look_up(spool::QueueId id, bool is_flushed, const std::vector<Route>& routes);
  void search(const Lookups::Key& key, const std::shared_ptr<Carrier>& carrier);
  void end_lookup(const Lookups::Key& key);
  void place(Active part);
  void start_attempt(Active part, Line& line);
  void know(const std::shared_ptr<Carrier>& carrier);
  void run_lines();
  void wake_line(const std::string& name);
  void look_again_later(spool::QueueId id);
  bool give_up_in_lines(spool::QueueId id);
  void wake_all_lines();
  void run_line(const std::string& name, Line& line);
  void run_next(spool::QueueId id, const std::string& name, Line& line);
  [[nodiscard]] bool can_run(const Line& line) const;
  void end_attempt(const Ended& ended);
  void note_site(const Active& active, const Attempt& attempt);
  void tell_state(const std::string& name, Line& line);
  void settle_all(const ActivePointer& active, const Attempt& attempt);
  void record(const ActivePointer& active);
  void end_record(const Recorded& recorded);
  void part_ended(spool::QueueId id, const Active* whole);
  [[nodiscard]] std::vector<OwedReport> owed(spool::QueueId id, const spool::Envelope& envelope,
                                             const Handling& handling) const;
  enum class ReportStep : std::uint8_t {
    none,   // nothing is owed
    begun,  // the message is with the reporter
    later,  // the disk refused one just now
  };
  ReportStep report(spool::QueueId id, const spool::Envelope& envelope);
  void end_report(const Recorded& reported);
  void read_later(spool::QueueId id);
  void reschedule(spool::QueueId id, const spool::Envelope& envelope);
  void finish(spool::QueueId id, const spool::Envelope& envelope);
  std::optional<std::int64_t> removal_time(const spool::Envelope& envelope) const;
  Line& line_of(const std::string& site, const std::shared_ptr<Carrier>& carrier);
  void wait_in_line(const std::string& name, Line& line, const Part& part);
  void forget(const std::string& name);
  void forget_idle_lines();
  void adopt(const std::string& name, Line& line, const std::shared_ptr<Carrier>& carrier);
  bool hold(const Active& opened);
  [[nodiscard]] bool is_any_due(const Active& opened) const;
  [[nodiscard]] bool is_due(const spool::Envelope& envelope) const;
  void wait_for(spool::QueueId id, const spool::Recipient& first);
  void retry_at(spool::QueueId id, Time due);

  spool::Spool& spool_;
  DispatcherObserver& observer_;
  Clock clock_;

  // The dispatcher's thread only.
  std::shared_ptr<const Routes> routes_;
  DispatcherSettings settings_;
  Now now_;
  Schedule schedule_;
  LoadTimes loaded_;
  std::unordered_map<std::string, Line> lines_;  // of sites in use, or of which something is known
  std::map<std::string, Line*> waiting_lines_;   // those in which a message waits
  // Names of those that may give a message now, and of those whose pause or rate ends then. The
  // others wait for the end of an attempt at their site: no turn looks at them.
  std::set<std::string> ready_lines_;
  std::set<std::pair<Time, std::string>> line_wakes_;
  std::string last_line_;  // the ready one that had its turn
  Lookups lookups_;
  // The sites that an operator holds, and the messages that have a recipient there: those
  // recipients are in no line and no attempt, and the message goes on for the others.
  std::unordered_map<std::string, std::unordered_set<std::uint64_t>> held_sites_;
  struct Learnt {
    std::size_t limit = 0;     // 0: the initial one
    WallTime waits_until = 0;  // a host asked for it
    std::string reason{};      // of that
  };
  std::unordered_map<std::string, Learnt> learnt_;  // of sites without a line yet
  std::size_t most_lines_ = first_sweep;       // when there are as many, idle ones are forgotten
  std::optional<spool::QueueId> dispatching_;  // its parts are being placed
  std::vector<std::uint64_t> parked_;  // messages that stay for a recipient's unknown outcome
  std::vector<std::weak_ptr<Carrier>> carriers_;                  // those that were given a part
  std::size_t under_way_ = 0;                                     // attempts and records
  std::unordered_multimap<std::uint64_t, const Active*> active_;  // the same, by message
  std::unordered_map<std::uint64_t, Request> after_;  // requests about messages in active_
  // The messages in all lines, by part. Such a message goes on for its recipients at other sites.
  std::unordered_multimap<std::uint64_t, const Line*> in_line_;
  // The entries in the schedule of a message that was in a line, too, and the first one's time, if
  // that is known. A message needs one entry; others are passed over.
  struct Entries {
    std::size_t count = 0;
    Time first = Time::max();
  };
  std::unordered_map<std::uint64_t, Entries> entries_;
  Time no_report_before_{};     // after one that the disk refused
  bool has_failed_ = false;     // in this turn, by an exception
  bool is_stop_begun_ = false;  // the carriers know

  mutable std::mutex mutex_;
  std::condition_variable bell_;
  Inbox inbox_;
  std::unordered_map<std::string, std::string> troubles_;  // by site, for trouble()
  QueueCounts counts_;
  bool stopping_ = false;
  bool is_idle_ = false;  // the thread waits for a notification
  bool is_done_ = false;  // nothing is under way and nothing begins
  std::thread thread_;
};

}  // namespace postroad::queue
