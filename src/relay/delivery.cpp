// The delivery threads; see delivery.hpp.
#include "relay/delivery.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "mail/received.hpp"
#include "relay/events.hpp"
#include "relay/intake.hpp"

namespace postroad::relay {

namespace {

constexpr std::size_t batch_size = 32;  // mails that share one sync of a mailbox's folder

using WallClock = std::chrono::system_clock;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(WallClock::now().time_since_epoch())
      .count();
}

// One recipient of one message, on its way.
struct Task {
  std::uint32_t recipient = 0;
  std::uint32_t attempts = 0;
  spool::OutcomeRecord outcome;
  std::vector<std::string> folders;  // mailboxes written for it, not yet synced
};

struct Job {
  spool::QueueId id;
  spool::Envelope envelope;
  std::vector<Task> tasks;
};

// The spool's octets as the client wants them.
class SpoolSource final : public MessageSource {
 public:
  SpoolSource(std::unique_ptr<spool::Reader> reader, bool eight_bit, bool utf8)
      : reader_(std::move(reader)), eight_bit_(eight_bit), utf8_(utf8) {}
  Result<std::string_view> next() override { return reader_->next(); }
  [[nodiscard]] bool is_8bit() const override { return eight_bit_; }
  [[nodiscard]] bool needs_utf8() const override { return utf8_; }

 private:
  std::unique_ptr<spool::Reader> reader_;
  bool eight_bit_;
  bool utf8_;
};

bool has_option(const spool::Envelope& envelope, std::string_view name) {
  return std::any_of(envelope.options.begin(), envelope.options.end(),
                     [&](const auto& option) { return option.first == name; });
}

}  // namespace

struct Delivery::State {
  State(spool::Spool& spool_, const Directory& directory_, const Maildirs& maildirs_,
        observe::Log& log_, DeliverySettings settings_)
      : spool(spool_),
        directory(directory_),
        maildirs(maildirs_),
        log(log_),
        settings(std::move(settings_)) {}

  void add(spool::QueueId id);
  void run();
  std::vector<spool::QueueId> take();
  void deliver(std::vector<Job>& jobs);
  void deliver_here(Job& job, Task& task, const std::vector<Mailbox>& mailboxes);
  void deliver_away(Job& job, const std::vector<std::pair<Task*, Mailbox>>& away, Client& client);
  template <class Talk>
  auto call(Client& client, Talk talk);
  void settle(Task& task, const Error& error) const;
  void finish(Job& job);
  std::optional<Job> open(spool::QueueId id);

  spool::Spool& spool;
  const Directory& directory;
  const Maildirs& maildirs;
  observe::Log& log;
  DeliverySettings settings;

  std::mutex mutex;
  std::condition_variable bell;
  std::deque<spool::QueueId> due;
  std::multimap<std::int64_t, spool::QueueId> later;  // by Unix time in milliseconds
  std::set<std::uint64_t> under_way;
  bool stopping = false;
  std::set<Client*> dialling;  // the calls that a stop may have to cut short
  unsigned running = 0;        // threads
  std::vector<std::thread> threads;
};

void Delivery::State::add(spool::QueueId id) {
  {
    const std::lock_guard lock(mutex);
    due.push_back(id);
  }
  bell.notify_one();
}

std::vector<spool::QueueId> Delivery::State::take() {
  std::unique_lock lock(mutex);
  for (;;) {
    const auto now = now_ms();
    while (!later.empty() && later.begin()->first <= now) {
      due.push_back(later.begin()->second);
      later.erase(later.begin());
    }
    if (stopping || !due.empty()) break;
    if (later.empty()) {
      bell.wait(lock);
    } else {
      bell.wait_for(lock, std::chrono::milliseconds(later.begin()->first - now));
    }
  }
  std::vector<spool::QueueId> ids;
  while (!stopping && !due.empty() && ids.size() < batch_size) {
    if (under_way.insert(due.front().value).second) ids.push_back(due.front());
    due.pop_front();
  }
  return ids;
}

std::optional<Job> Delivery::State::open(spool::QueueId id) {
  auto envelope = spool.envelope(id);
  if (!envelope) {
    if (envelope.error().fault == Fault::not_found) return std::nullopt;
    delivery_failed(log, id, envelope.error().text());
    if (envelope.error().fault == Fault::io) {  // the disk may be able to read it another time
      const std::lock_guard lock(mutex);
      later.emplace(now_ms() + settings.schedule.longest.count(), id);
    }
    return std::nullopt;
  }
  Job job{id, std::move(*envelope), {}};
  const auto now = now_ms();
  for (std::uint32_t i = 0; i < job.envelope.recipients.size(); ++i) {
    const auto& recipient = job.envelope.recipients[i];
    if (recipient.state != spool::State::pending || recipient.next_attempt > now) continue;
    Task task;
    task.recipient = i;
    task.outcome = {i, spool::State::pending, recipient.attempts + 1, 0, {}};
    job.tasks.push_back(std::move(task));
  }
  return job;
}

void Delivery::State::run() {
  for (;;) {
    const auto ids = take();
    if (ids.empty()) break;
    if (settings.discard) {
      for (const auto id : ids) spool.remove(id);
      const std::lock_guard lock(mutex);
      for (const auto id : ids) under_way.erase(id.value);
      continue;
    }
    std::vector<Job> jobs;
    for (const auto id : ids) {
      if (auto job = open(id)) jobs.push_back(std::move(*job));
    }
    deliver(jobs);
    {
      const std::lock_guard lock(mutex);
      for (const auto id : ids) under_way.erase(id.value);
    }
    for (auto& job : jobs) finish(job);
  }
  const std::lock_guard lock(mutex);
  --running;
  bell.notify_all();
}

// A call to the smarthost, which a stop may cut short.
template <class Talk>
auto Delivery::State::call(Client& client, Talk talk) {
  {
    const std::lock_guard lock(mutex);
    dialling.insert(&client);
  }
  auto result = talk();
  const std::lock_guard lock(mutex);
  dialling.erase(&client);
  return result;
}

void Delivery::State::settle(Task& task, const Error& error) const {
  task.outcome.note = error.text();
  task.outcome.state = spool::State::pending;
  if (error.fault == Fault::cancelled) {  // our own stop: no try of its own
    --task.outcome.attempts;
    return;
  }
  task.outcome.next_attempt =
      now_ms() + settings.schedule.pause_after(task.outcome.attempts).count();
}

void Delivery::State::deliver(std::vector<Job>& jobs) {
  std::optional<Client> client;
  for (auto& job : jobs) {
    std::vector<std::pair<Task*, Mailbox>> away;
    for (auto& task : job.tasks) {
      auto address = Mailbox::parse(job.envelope.recipients[task.recipient].address);
      if (!address) address = Mailbox{"postmaster", {}};
      const bool kept = has_option(job.envelope, kept_here);
      auto ends = directory.resolve(*address);
      if (kept && ends.empty()) ends.push_back(*address);
      std::vector<Mailbox> here;
      for (const auto& end : ends) {
        if (kept || directory.is_local(end)) {
          here.push_back(end);
        } else {
          away.emplace_back(&task, end);
        }
      }
      if (ends.empty()) {
        task.outcome.state = spool::State::refused;
        task.outcome.note = "550 5.1.1 no mailbox here of that name";
      } else {
        task.outcome.state = spool::State::delivered;  // unless one of its ends says otherwise
        deliver_here(job, task, here);
      }
    }
    if (away.empty()) continue;
    if (!client && settings.smarthost_login)
      client.emplace(settings.smarthost, *settings.smarthost_login, settings.smarthost_options);
    if (!client) client.emplace(settings.smarthost, settings.smarthost_options);
    deliver_away(job, away, *client);
  }
  if (client) (void)call(*client, [&] { return client->quit(); });
  // One sync for each mailbox that got anything, before any of it counts.
  std::map<std::string, Result<void>> synced;
  for (auto& job : jobs) {
    for (auto& task : job.tasks) {
      for (const auto& folder : task.folders) {
        auto found = synced.find(folder);
        if (found == synced.end())
          found = synced.emplace(folder, maildirs.sync_folder(folder)).first;
        if (!found->second) settle(task, found->second.error());
      }
    }
  }
}

void Delivery::State::deliver_here(Job& job, Task& task, const std::vector<Mailbox>& mailboxes) {
  for (const auto& mailbox : mailboxes) {
    auto reader = spool.read(job.id);
    if (!reader) return settle(task, reader.error());
    const auto reverse_path = job.envelope.reverse_path.empty()
                                  ? Result<Mailbox>(Mailbox{})
                                  : Mailbox::parse(job.envelope.reverse_path);
    const auto head = mail::format_return_path(reverse_path ? *reverse_path : Mailbox{}) +
                      mail::format_delivered_to(mailbox);
    const auto folder = Directory::folder_of(mailbox);
    const auto name =
        std::to_string(job.envelope.arrived / 1000) + ".Q" + job.id.text() + '.' + settings.host;
    const auto delivered = maildirs.deliver(folder, name, head, **reader);
    if (!delivered) return settle(task, delivered.error());
    task.folders.push_back(folder);
  }
}

void Delivery::State::deliver_away(Job& job, const std::vector<std::pair<Task*, Mailbox>>& away,
                                   Client& client) {
  auto reader = spool.read(job.id);
  if (!reader) {
    for (const auto& [task, address] : away) settle(*task, reader.error());
    return;
  }
  SpoolSource source(std::move(*reader), has_option(job.envelope, "BODY"),
                     has_option(job.envelope, "SMTPUTF8"));
  Envelope envelope;
  if (auto reverse_path = Mailbox::parse(job.envelope.reverse_path))
    envelope.reverse_path = std::move(*reverse_path);
  for (const auto& [task, address] : away) envelope.recipients.push_back(address);
  const auto report = call(client, [&] { return client.send(envelope, source); });
  if (!report && report.error().fault == Fault::unsupported) {  // the next try would end the same
    for (const auto& [task, address] : away) {
      task->outcome.state = spool::State::refused;
      task->outcome.note = report.error().text();
    }
    return;
  }
  if (!report) {
    for (const auto& [task, address] : away) settle(*task, report.error());
    return;
  }
  for (std::size_t i = 0; i < away.size(); ++i) {
    auto& task = *away[i].first;
    const auto& result = report->recipients[i];
    task.outcome.note = result.reply.one_line();
    if (result.outcome == Outcome::refused) task.outcome.state = spool::State::refused;
    if (result.outcome == Outcome::unknown) task.outcome.state = spool::State::unknown;
    if (result.outcome == Outcome::deferred)
      settle(task, fail(Fault::refused, settings.smarthost, result.reply.one_line()));
  }
}

void Delivery::State::finish(Job& job) {
  std::vector<spool::OutcomeRecord> outcomes;
  for (const auto& task : job.tasks) {
    auto& recipient = job.envelope.recipients[task.recipient];
    recipient.state = task.outcome.state;
    recipient.next_attempt = task.outcome.next_attempt;
    outcomes.push_back(task.outcome);
    recipient_settled(log, job.id, job.envelope, job.envelope.recipients[task.recipient].address,
                      task.outcome);
  }
  const auto& recipients = job.envelope.recipients;
  const bool all = std::all_of(recipients.begin(), recipients.end(), [](const auto& recipient) {
    return recipient.state == spool::State::delivered;
  });
  if (all) return spool.remove(job.id, [](const Result<void>&) {});
  std::int64_t next = 0;
  for (const auto& recipient : recipients) {
    if (recipient.state == spool::State::pending && (next == 0 || recipient.next_attempt < next))
      next = recipient.next_attempt;
  }
  if (!outcomes.empty()) spool.record(job.id, std::move(outcomes), [](const Result<void>&) {});
  if (next == 0) return;
  {
    const std::lock_guard lock(mutex);
    later.emplace(next, job.id);
  }
  bell.notify_one();
}

Delivery::Delivery(spool::Spool& spool, const Directory& directory, const Maildirs& maildirs,
                   observe::Log& log, DeliverySettings settings)
    : state_(std::make_unique<State>(spool, directory, maildirs, log, std::move(settings))) {
  spool.on_committed([state = state_.get()](spool::QueueId id) { state->add(id); });
  for (const auto& summary : spool.list()) state_->add(summary.id);
  for (unsigned i = 0; i < state_->settings.threads; ++i) {
    ++state_->running;
    state_->threads.emplace_back([state = state_.get()] { state->run(); });
  }
}

Delivery::~Delivery() { stop({}); }

void Delivery::stop(std::chrono::milliseconds drain) {
  const auto until = std::chrono::steady_clock::now() + drain;
  {
    std::unique_lock lock(state_->mutex);
    state_->stopping = true;
    state_->bell.notify_all();
    while (!state_->bell.wait_until(lock, until, [this] { return state_->running == 0; })) {
      // Again and again: a batch may dial for each of its messages.
      for (auto* client : state_->dialling) client->cancel();
      if (state_->bell.wait_for(lock, std::chrono::milliseconds(20),
                                [this] { return state_->running == 0; }))
        break;
    }
  }
  for (auto& thread : std::exchange(state_->threads, {})) thread.join();
}

}  // namespace postroad::relay
