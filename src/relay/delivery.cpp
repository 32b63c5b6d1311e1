// The delivery threads; see delivery.hpp.
#include "relay/delivery.hpp"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "mail/received.hpp"
#include "relay/agenda.hpp"
#include "relay/events.hpp"
#include "relay/intake.hpp"

namespace postroad::relay {

namespace {

constexpr std::size_t batch_size = 32;  // mails that share one sync of a mailbox's folder

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
  bool goes_far = false;  // recipients are left for the far lane
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

  void run(Lane lane);
  std::vector<Mailbox> ends_of(const spool::Envelope& envelope, const Task& task) const;
  [[nodiscard]] bool is_here(const spool::Envelope& envelope, const Mailbox& end) const;
  void leave_for_far(Job& job) const;
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

  Agenda agenda;
  std::mutex mutex;
  std::condition_variable ended;  // rung by each thread that ends
  std::set<Client*> dialling;     // the calls that a stop may have to cut short
  unsigned running = 0;           // threads
  std::vector<std::thread> threads;
};

std::optional<Job> Delivery::State::open(spool::QueueId id) {
  auto envelope = spool.envelope(id);
  if (!envelope) {
    if (envelope.error().fault == Fault::not_found) return std::nullopt;
    delivery_failed(log, id, envelope.error().text());
    if (envelope.error().fault == Fault::io) {  // the disk may be able to read it another time
      agenda.add_later(now_ms() + settings.schedule.longest.count(), id);
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

void Delivery::State::run(Lane lane) {
  for (;;) {
    const auto ids = agenda.take(lane, batch_size);
    if (ids.empty()) break;
    std::vector<Job> jobs;
    if (settings.discard) {
      for (const auto id : ids) spool.remove(id);
    } else {
      for (const auto id : ids) {
        if (auto job = open(id)) jobs.push_back(std::move(*job));
      }
    }
    if (lane == Lane::near) {
      for (auto& job : jobs) leave_for_far(job);
    }
    deliver(jobs);
    agenda.release(ids);
    for (auto& job : jobs) finish(job);
  }
  const std::lock_guard lock(mutex);
  --running;
  ended.notify_all();
}

std::vector<Mailbox> Delivery::State::ends_of(const spool::Envelope& envelope,
                                              const Task& task) const {
  auto address = Mailbox::parse(envelope.recipients[task.recipient].address);
  if (!address) address = Mailbox{"postmaster", {}};
  auto ends = directory.resolve(*address);
  if (ends.empty() && has_option(envelope, kept_here)) ends.push_back(*address);
  return ends;
}

bool Delivery::State::is_here(const spool::Envelope& envelope, const Mailbox& end) const {
  return has_option(envelope, kept_here) || directory.is_local(end);
}

void Delivery::State::leave_for_far(Job& job) const {
  job.goes_far = std::erase_if(job.tasks, [&](const Task& task) {
                   const auto ends = ends_of(job.envelope, task);
                   return !std::all_of(ends.begin(), ends.end(), [&](const Mailbox& end) {
                     return is_here(job.envelope, end);
                   });
                 }) > 0;
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
      const auto ends = ends_of(job.envelope, task);
      std::vector<Mailbox> here;
      for (const auto& end : ends) {
        if (is_here(job.envelope, end)) {
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
  if (!outcomes.empty()) spool.record(job.id, std::move(outcomes), [](const Result<void>&) {});
  if (job.goes_far) return agenda.add(Lane::far, job.id);
  std::optional<std::int64_t> next;
  for (const auto& recipient : recipients) {
    if (recipient.state == spool::State::pending && (!next || recipient.next_attempt < *next))
      next = recipient.next_attempt;
  }
  if (next) agenda.add_later(*next, job.id);
}

Delivery::Delivery(spool::Spool& spool, const Directory& directory, const Maildirs& maildirs,
                   observe::Log& log, DeliverySettings settings)
    : state_(std::make_unique<State>(spool, directory, maildirs, log, std::move(settings))) {
  spool.on_committed(
      [state = state_.get()](spool::QueueId id) { state->agenda.add(Lane::near, id); });
  for (const auto& summary : spool.list()) state_->agenda.add(Lane::near, summary.id);
  state_->running = state_->settings.threads + 1;
  for (unsigned i = 0; i < state_->settings.threads; ++i)
    state_->threads.emplace_back([state = state_.get()] { state->run(Lane::near); });
  state_->threads.emplace_back([state = state_.get()] { state->run(Lane::far); });
}

Delivery::~Delivery() { stop({}); }

void Delivery::stop(std::chrono::milliseconds drain) {
  const auto until = std::chrono::steady_clock::now() + drain;
  state_->agenda.stop();
  {
    std::unique_lock lock(state_->mutex);
    while (!state_->ended.wait_until(lock, until, [this] { return state_->running == 0; })) {
      // Again and again: a batch may dial for each of its messages.
      for (auto* client : state_->dialling) client->cancel();
      if (state_->ended.wait_for(lock, std::chrono::milliseconds(20),
                                 [this] { return state_->running == 0; }))
        break;
    }
  }
  for (auto& thread : std::exchange(state_->threads, {})) thread.join();
}

}  // namespace postroad::relay
