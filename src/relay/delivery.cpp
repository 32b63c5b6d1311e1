// Routes and events of the server's delivery; see delivery.hpp. The loop is queue/dispatcher.hpp.
#include "relay/delivery.hpp"

#include "outbox/pool_carrier.hpp"
#include "queue/dispatcher.hpp"
#include "queue/events.hpp"
#include "relay/routes/mailbox_carrier.hpp"

namespace postroad::relay {

namespace {

constexpr auto mailboxes = "mailboxes";
constexpr auto smarthost = "smarthost";

// A recipient has a mailbox here, or goes to the smarthost.
class ServerRoutes final : public queue::Routes {
 public:
  ServerRoutes(std::shared_ptr<const Directory> directory, std::shared_ptr<queue::Carrier> here,
               std::shared_ptr<queue::Carrier> elsewhere)
      : directory_(std::move(directory)),
        here_(std::move(here)),
        elsewhere_(std::move(elsewhere)) {}
  [[nodiscard]] queue::Route route(const spool::Envelope& envelope, const queue::Handling& handling,
                                   std::uint32_t recipient) const override {
    if (handling.stays_here) return {mailboxes, here_};
    // The one address that is none, "postmaster" without a domain, is ours.
    const auto to = Mailbox::parse(envelope.recipients[recipient].address);
    if (!to || directory_->is_local(*to)) return {mailboxes, here_};
    return {smarthost, elsewhere_, "4.4.4 no route: delivery.smarthost is not set"};
  }

 private:
  std::shared_ptr<const Directory> directory_;
  std::shared_ptr<queue::Carrier> here_;
  std::shared_ptr<queue::Carrier> elsewhere_;
};

class LoggingListener final : public queue::Listener {
 public:
  explicit LoggingListener(observe::Log& log) : log_(log) {}
  void settled(const queue::Part& part, const spool::OutcomeRecord& record) override {
    queue::recipient_settled(log_, part, record);
  }
  void unreadable(spool::QueueId id, const Error& error) override {
    queue::delivery_failed(log_, id, error.text());
  }
  void site_changed(const std::string& site, const std::string& reason) override {
    queue::site_changed(log_, site, reason);
  }

 private:
  observe::Log& log_;
};

std::shared_ptr<queue::Carrier> make_smarthost(spool::Spool& spool,
                                               const DeliverySettings& settings) {
  if (settings.smarthost.empty()) return nullptr;
  outbox::PoolCarrierSettings made{
      {settings.smarthost}, settings.smarthost_login, settings.smarthost_options, {}};
  made.pool.connections = settings.connections;
  made.pool.idle = std::chrono::seconds(10);
  // The queue pauses the site; the pool itself neither pauses nor waits.
  made.pool.initial_pause = made.pool.max_pause = made.pool.patience = {};
  return std::make_shared<outbox::PoolCarrier>(spool, std::move(made));
}

queue::DispatcherSettings dispatcher_settings(const DeliverySettings& settings) {
  queue::DispatcherSettings made;
  made.settlement = settings.settlement;
  made.discard = settings.discard;
  const auto& retry = settings.settlement.retry;
  made.pauses.first = std::min(made.pauses.first, retry.initial_delay);
  made.pauses.longest = std::min(made.pauses.longest, retry.max_delay);
  return made;
}

}  // namespace

struct Delivery::State {
  State(spool::Spool& spool_, std::shared_ptr<const Directory> directory, const Maildirs& maildirs,
        observe::Log& log, const DeliverySettings& settings)
      : spool(spool_),
        listener(log),
        here(std::make_shared<MailboxCarrier>(spool, maildirs, settings.host, settings.threads)),
        dispatcher(spool, listener, routes(std::move(directory), settings),
                   dispatcher_settings(settings)) {}

  std::shared_ptr<const queue::Routes> routes(std::shared_ptr<const Directory> directory,
                                              const DeliverySettings& settings) {
    return std::make_shared<ServerRoutes>(std::move(directory), here,
                                          make_smarthost(spool, settings));
  }

  spool::Spool& spool;
  LoggingListener listener;
  std::shared_ptr<MailboxCarrier> here;
  queue::Dispatcher dispatcher;
};

Delivery::Delivery(spool::Spool& spool, std::shared_ptr<const Directory> directory,
                   const Maildirs& maildirs, observe::Log& log, DeliverySettings settings)
    : state_(std::make_unique<State>(spool, std::move(directory), maildirs, log, settings)) {
  spool.on_committed([state = state_.get()](spool::QueueId id) { state->dispatcher.add(id); });
  take_up(spool.list());
  state_->dispatcher.start();
}

Delivery::~Delivery() { stop({}); }

void Delivery::change(std::shared_ptr<const Directory> directory, DeliverySettings settings) {
  state_->dispatcher.change(state_->routes(std::move(directory), settings),
                            dispatcher_settings(settings));
}

void Delivery::take_up(const std::vector<spool::Summary>& messages) {
  for (const auto& message : messages) state_->dispatcher.add(message.id);
}

void Delivery::stop(std::chrono::milliseconds drain) {
  state_->dispatcher.stop(std::chrono::steady_clock::now() + drain);
}

Result<void> Delivery::health() const {
  const auto trouble = state_->dispatcher.trouble(mailboxes);
  if (trouble.empty()) return {};
  return fail(Fault::full, "mailboxes", trouble);
}

}  // namespace postroad::relay
