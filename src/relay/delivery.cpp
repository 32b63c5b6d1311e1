// Routes and events of the server's delivery; see delivery.hpp. The loop is queue/dispatcher.hpp.
#include "relay/delivery.hpp"

#include <tuple>

#include "base/text.hpp"
#include "mail/address/idn.hpp"
#include "outbox/pool_carrier.hpp"
#include "queue/dispatcher.hpp"
#include "queue/events.hpp"
#include "relay/routes/mailbox_carrier.hpp"

namespace postroad::relay {

namespace {

constexpr auto mailboxes = "mailboxes";
constexpr auto smarthost = "smarthost";

// How messages leave this server.
struct Elsewhere {
  std::shared_ptr<queue::Carrier> carrier;  // null: there is no route, `note` says why
  bool is_mx = false;                       // each domain is a site
  std::string note;
};

// Domains in U-labels and A-labels are one domain.
std::string site_of(const Mailbox& mailbox) {
  const auto domain = mail::to_ascii_domain(mailbox.domain);
  return "mx:" + lower(domain ? *domain : mailbox.domain);
}

// A recipient has a mailbox here, or goes to the smarthost or to the exchangers of its domain.
class ServerRoutes final : public queue::Routes {
 public:
  ServerRoutes(std::shared_ptr<const Directory> directory, std::shared_ptr<queue::Carrier> here,
               Elsewhere elsewhere)
      : directory_(std::move(directory)),
        here_(std::move(here)),
        elsewhere_(std::move(elsewhere)) {}
  [[nodiscard]] queue::Route route(const spool::Envelope& envelope, const queue::Handling& handling,
                                   std::uint32_t recipient) const override {
    if (handling.stays_here) return {mailboxes, here_};
    // `postmaster` without a domain is a local address.
    const auto to = Mailbox::parse(envelope.recipients[recipient].address);
    if (!to || directory_->is_local(*to)) return {mailboxes, here_};
    return {elsewhere_.is_mx ? site_of(*to) : smarthost, elsewhere_.carrier, elsewhere_.note};
  }

 private:
  std::shared_ptr<const Directory> directory_;
  std::shared_ptr<queue::Carrier> here_;
  Elsewhere elsewhere_;
};

class LoggingObserver final : public queue::DispatcherObserver {
 public:
  explicit LoggingObserver(observe::Log& log) : log_(log) {}
  void settled(const queue::Part& part, const spool::OutcomeRecord& record) override {
    queue::recipient_settled(log_, part, record);
  }
  void unreadable(spool::QueueId id, const Error& error) override {
    queue::delivery_failed(log_, id, error.text());
  }
  void site_changed(const std::string& site, const std::string& reason) override {
    queue::site_changed(log_, site, reason);
  }
  void failed(const std::string& reason) override { queue::queue_failed(log_, reason); }

 private:
  observe::Log& log_;
};

// A reload that changes none of it keeps the carrier, its connections and its pause.
bool is_same_way_out(const DeliverySettings& one, const DeliverySettings& other) {
  const auto parts = [](const DeliverySettings& settings) {
    const auto& options = settings.smarthost_options;
    const auto& login = settings.smarthost_login;
    return std::tuple(settings.mx, settings.resolver, settings.smarthost, settings.connections,
                      options.helo_name, options.tls.ca_file, options.ignored_extensions,
                      login.has_value(), login ? login->user : std::string(),
                      login ? std::string(login->password.reveal()) : std::string());
  };
  return parts(one) == parts(other);
}

Elsewhere make_mx(spool::Spool& spool, const DeliverySettings& settings) {
  auto carrier =
      mx::MxCarrier::open(spool, *settings.mx, [&](const boost::asio::any_io_executor& executor) {
        auto opened = dns::UnboundResolver::open(executor, settings.resolver);
        return opened ? Result<std::unique_ptr<dns::Resolver>>(std::move(*opened)) : opened.error();
      });
  if (!carrier) return {nullptr, true, "4.4.3 no DNS resolver: " + carrier.error().text()};
  return {std::move(*carrier), true, {}};
}

Elsewhere make_elsewhere(spool::Spool& spool, const DeliverySettings& settings) {
  if (settings.mx) return make_mx(spool, settings);
  if (settings.smarthost.empty())
    return {nullptr, false, "4.4.4 no route: neither mx.enabled nor delivery.smarthost is set"};
  outbox::PoolCarrierSettings made{
      {settings.smarthost}, settings.smarthost_login, settings.smarthost_options, {}};
  made.pool.connections = settings.connections;
  made.pool.idle = std::chrono::seconds(10);
  // The queue pauses the site; the pool itself neither pauses nor waits.
  made.pool.initial_pause = made.pool.max_pause = made.pool.patience = {};
  return {std::make_shared<outbox::PoolCarrier>(spool, std::move(made)), false, {}};
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
  State(spool::Spool& from, std::shared_ptr<const Directory> directory, const Maildirs& into,
        observe::Log& log, const DeliverySettings& settings)
      : spool(from),
        maildirs(into),
        observer(log),
        here(std::make_shared<MailboxCarrier>(spool, maildirs, settings.host, settings.threads)),
        present(settings),
        elsewhere(make_elsewhere(spool, settings)),
        dispatcher(spool, observer,
                   std::make_shared<ServerRoutes>(std::move(directory), here, elsewhere),
                   dispatcher_settings(settings)) {}

  spool::Spool& spool;
  const Maildirs& maildirs;
  LoggingObserver observer;
  std::shared_ptr<MailboxCarrier> here;
  DeliverySettings present;
  Elsewhere elsewhere;
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
  prepare_change(std::move(directory), settings)();
}

std::function<void()> Delivery::prepare_change(std::shared_ptr<const Directory> directory,
                                               const DeliverySettings& settings) {
  auto& state = *state_;
  const bool is_same = is_same_way_out(state.present, settings);
  auto elsewhere = is_same ? state.elsewhere : make_elsewhere(state.spool, settings);
  auto routes = std::make_shared<ServerRoutes>(std::move(directory), state.here, elsewhere);
  return [&state, settings, is_same, elsewhere = std::move(elsewhere), routes = std::move(routes)] {
    state.present = settings;
    state.elsewhere = elsewhere;
    state.dispatcher.change(routes, dispatcher_settings(settings));
    if (!is_same) state.dispatcher.flush();
  };
}

void Delivery::take_up(const std::vector<spool::Summary>& messages) {
  for (const auto& message : messages) state_->dispatcher.add(message.id);
}

void Delivery::begin_stop() { state_->dispatcher.begin_stop(); }

void Delivery::stop(std::chrono::milliseconds drain) {
  state_->dispatcher.stop(std::chrono::steady_clock::now() + drain);
}

Result<void> Delivery::health() const {
  const auto trouble = state_->dispatcher.trouble(mailboxes);
  if (trouble.empty()) return {};
  // No message may come for hours that would show that there is room again.
  if (state_->here->lacked_room() && state_->maildirs.has_room()) return {};
  return fail(Fault::full, "mailboxes", trouble);
}

}  // namespace postroad::relay
