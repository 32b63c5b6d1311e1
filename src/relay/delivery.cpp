// Routes and events of the server's delivery; see delivery.hpp. The loop is queue/dispatcher.hpp.
#include "relay/delivery.hpp"

#include <algorithm>
#include <atomic>
#include <future>

#include "queue/dispatcher.hpp"
#include "queue/events.hpp"
#include "queue/schedule.hpp"
#include "relay/events.hpp"
#include "relay/mx/part_facts.hpp"
#include "relay/reports/own_message.hpp"
#include "relay/routes/mailbox_carrier.hpp"

namespace postroad::relay {

namespace {

// A recipient takes its route, has a mailbox here, or has no way out.
class ServerRoutes final : public queue::Routes {
 public:
  ServerRoutes(std::shared_ptr<const Directory> directory, std::shared_ptr<queue::Carrier> here,
               RouteTable table, std::vector<WayOut> ways)
      : directory_(std::move(directory)),
        here_(std::move(here)),
        table_(std::move(table)),
        ways_(std::move(ways)) {}
  [[nodiscard]] queue::Route route(const spool::Envelope& envelope, const queue::Handling& handling,
                                   std::uint32_t recipient) const override {
    if (handling.stays_here) return {mailboxes_site, here_};
    // `postmaster` without a domain is a local address.
    const auto to = Mailbox::parse(envelope.recipients[recipient].address);
    if (!to) return {mailboxes_site, here_};
    const bool is_local = directory_->is_local(*to);
    if (const auto at = table_.find({envelope.reverse_path, envelope.login}, *to, is_local))
      return route_by(ways_[*at], to->domain, envelope);
    if (is_local) return {mailboxes_site, here_};
    return {"none", nullptr, "4.4.4 no route to " + to->domain};
  }

  // The name of the way that a recipient takes; empty: there is none.
  [[nodiscard]] std::string way(const spool::Envelope& envelope, const queue::Handling& handling,
                                std::uint32_t recipient) const {
    const auto to = Mailbox::parse(envelope.recipients[recipient].address);
    if (handling.stays_here || !to) return mailboxes_site;
    const bool is_local = directory_->is_local(*to);
    const auto at = table_.find({envelope.reverse_path, envelope.login}, *to, is_local);
    return at ? ways_[*at].name : is_local ? mailboxes_site : std::string();
  }

 private:
  static queue::Route route_by(const WayOut& way, const std::string& domain,
                               const spool::Envelope& envelope) {
    if (!way.mx) return {way.name, way.carrier, way.note};
    const auto name = canonical_domain(domain);
    auto known = way.mx->site_of(name);
    return {mx::site_from(known.site, way.mx->source_of(envelope, name)), way.carrier, way.note,
            known.is_current ? std::string() : name, known.is_known};
  }

  std::shared_ptr<const Directory> directory_;
  std::shared_ptr<queue::Carrier> here_;
  RouteTable table_;
  std::vector<WayOut> ways_;
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
  void site_limited(const std::string& site, std::size_t limit,
                    const std::string& reason) override {
    queue::site_limited(log_, site, limit, reason);
  }
  void site_waits(const std::string& site, std::chrono::milliseconds pause,
                  const std::string& reason) override {
    queue::site_waits(log_, site, pause, reason);
  }
  void requested(queue::Request what, spool::QueueId id, const spool::Envelope& envelope) override {
    queue::request_served(log_, what, id, envelope);
  }
  void failed(const std::string& reason) override { queue::queue_failed(log_, reason); }

 private:
  observe::Log& log_;
};

class LoggingTlsObserver final : public tls::TlsObserver {
 public:
  LoggingTlsObserver(observe::Log& log, tlsrpt::Tally& tally) : log_(log), tally_(tally) {}
  void count(bool on) { counts_ = on; }
  void tls_failed(const std::string& domain, const std::string& host, const tls::HostPolicy& policy,
                  const std::string& reason) override {
    relay::tls_failed(log_, domain, host, policy, reason);
  }
  void tls_succeeded(const std::string& domain, const std::string& host,
                     const tls::HostPolicy& policy) override {
    tls_verified(log_, domain, host, policy);
  }
  void test_failed(const std::string& domain, const std::string& host,
                   const std::string& reason) override {
    sts_test_failed(log_, domain, host, reason);
  }
  void session_ended(const tls::TlsSession& session) override {
    if (counts_) tally_.add(session);
  }
  void tls_left_out(const std::string& host, const std::string& reason) override {
    relay::tls_left_out(log_, host, reason);
  }
  void tls_fell_back(const std::string& host, const std::string& reason) override {
    relay::tls_fell_back(log_, host, reason);
  }
  void policy_fetched(const std::string& domain, const std::string& failure) override {
    relay::policy_fetched(log_, domain, failure);
  }
  void validation_off(const std::string& why) override { relay::validation_off(log_, why); }

 private:
  observe::Log& log_;
  tlsrpt::Tally& tally_;
  std::atomic<bool> counts_ = false;
};

// As for a message to that address from elsewhere.
std::vector<spool::Recipient> recipients_of(const Directory& directory, const std::string& text) {
  std::vector<spool::Recipient> found;
  const auto address = Mailbox::parse(text);
  const auto ends = address ? directory.resolve(*address) : std::vector<Mailbox>();
  for (const auto& end : ends) {
    auto& one = found.emplace_back();
    one.address = end.text();
    if (!(end == *address)) one.original = text;
  }
  return found;
}

struct ReportHandling {
  std::string host;
  std::shared_ptr<const MessageSigner> signer;
  std::chrono::milliseconds lifetime;
};

// It goes though no TLS policy of the domain is met (RFC 8460 section 3), and no sender is told
// when it does not arrive.
Result<std::string> queue_report(spool::Spool& spool, Message message, const ReportHandling& how,
                                 std::vector<spool::Recipient> recipients) {
  if (recipients.empty()) return fail(Fault::input, {}, "there is no mailbox of this address");
  auto incoming = spool.begin();
  if (!incoming) return incoming.error();
  if (how.signer) message.sign(how.signer);
  queue::Handling handling;
  handling.tls_optional = true;
  handling.lifetime = how.lifetime;
  for (auto& one : recipients) one.parameters = " NOTIFY=NEVER";
  const auto id = (*incoming)->id().text();
  auto envelope = write_own_message(**incoming, message, how.host, std::move(recipients), handling);
  if (!envelope) return envelope.error();
  std::promise<Result<void>> kept;
  (*incoming)->commit(std::move(*envelope),
                      [&kept](Result<void> result) { kept.set_value(std::move(result)); });
  const auto result = kept.get_future().get();
  return result ? Result<std::string>(id) : result.error();
}

queue::DispatcherSettings dispatcher_settings(const DeliverySettings& settings,
                                              std::shared_ptr<queue::Reporter> reporter) {
  queue::DispatcherSettings made;
  made.reporter = std::move(reporter);
  made.settlement = settings.settlement;
  made.discard = settings.discard;
  const auto& retry = settings.settlement.retry;
  made.pauses.first = std::min(made.pauses.first, retry.initial_delay);
  made.pauses.longest = std::min(made.pauses.longest, retry.max_delay);
  // Messages wait in line for short pauses only: the line does not look at their lifetime.
  made.pauses.suspended_beyond = std::min(made.pauses.suspended_beyond, made.pauses.longest / 2);
  return made;
}

}  // namespace

struct Delivery::State {
  State(spool::Spool& from, const std::shared_ptr<const Directory>& directory, const Maildirs& into,
        observe::Log& to, const DeliverySettings& settings)
      : spool(from),
        log(to),
        maildirs(into),
        observer(to),
        tally(settings.data.empty() ? settings.data : settings.data / "tlsrpt", queue::now_ms()),
        tls_observer(to, tally),
        here(std::make_shared<MailboxCarrier>(spool, maildirs, settings.host, settings.threads)),
        ways(open_ways(spool, settings.ways, {}, tls_observer)),
        routes(std::make_shared<ServerRoutes>(directory, here, settings.table, ways)),
        dispatcher(spool, observer, routes,
                   dispatcher_settings(settings, make_reporter(settings.reports, directory))) {
    tls_reporter = new_tls_reporter(settings);
    report_tls(settings, directory);
  }

  [[nodiscard]] std::shared_ptr<queue::Reporter> make_reporter(
      ReportSettings settings, std::shared_ptr<const Directory> directory) {
    return std::make_shared<SpoolReporter>(
        spool, log, std::move(settings),
        [directory = std::move(directory)](const std::string& address) {
          return recipients_of(*directory, address);
        },
        report_limit);
  }

  // Null: none is needed, or it is there.
  [[nodiscard]] std::unique_ptr<tlsrpt::Reporter> new_tls_reporter(
      const DeliverySettings& settings);
  void report_tls(const DeliverySettings& settings,
                  const std::shared_ptr<const Directory>& directory);

  // That of the mail exchangers; null: there is no way to them.
  [[nodiscard]] std::shared_ptr<mx::MxCarrier> mx_carrier() const;

  spool::Spool& spool;
  observe::Log& log;
  const Maildirs& maildirs;
  LoggingObserver observer;
  tlsrpt::Tally tally;
  LoggingTlsObserver tls_observer;
  std::shared_ptr<ReportLimit> report_limit = std::make_shared<ReportLimit>();
  std::shared_ptr<MailboxCarrier> here;
  std::vector<WayOut> ways;
  std::shared_ptr<const ServerRoutes> routes;
  queue::Dispatcher dispatcher;
  bool reports_tls = false;
  std::unique_ptr<tlsrpt::Reporter> tls_reporter;  // once reports are sent, until the stop begins
};

std::unique_ptr<tlsrpt::Reporter> Delivery::State::new_tls_reporter(
    const DeliverySettings& settings) {
  const bool is_needed = settings.tlsrpt.enabled && !tls_reporter;
  return is_needed ? std::make_unique<tlsrpt::Reporter>(tally) : nullptr;
}

void Delivery::State::report_tls(const DeliverySettings& settings,
                                 const std::shared_ptr<const Directory>& directory) {
  const auto is_mx = [](const Way& way) { return std::holds_alternative<MxWay>(way); };
  const auto way = std::find_if(settings.ways.begin(), settings.ways.end(), is_mx);
  auto reports = settings.tlsrpt;
  reports.enabled = reports.enabled && way != settings.ways.end() && tls_reporter;
  reports_tls = reports.enabled;
  tls_observer.count(reports.enabled);
  tlsrpt::Reporter::Parts parts;
  if (reports.enabled)
    parts.make_resolver = [way = std::get<MxWay>(*way)](const auto& executor) {
      return open_resolver(executor, way, [](const std::string&) {});
    };
  parts.queue = [this, directory, host = settings.host, signer = settings.tlsrpt_signer](
                    const Message& message, const std::string& to, auto lifetime) {
    return queue_report(spool, message, {host, signer, lifetime}, recipients_of(*directory, to));
  };
  parts.tell = [this](const tlsrpt::ReportResult& result) { tls_report(log, result); };
  parts.tell_left_out = [this](std::uint64_t sessions) { tls_counts_full(log, sessions); };
  if (tls_reporter) tls_reporter->change(std::move(reports), std::move(parts));
}

Delivery::Delivery(spool::Spool& spool, const std::shared_ptr<const Directory>& directory,
                   const Maildirs& maildirs, observe::Log& log, DeliverySettings settings)
    : state_(std::make_unique<State>(spool, directory, maildirs, log, settings)) {
  spool.on_committed([state = state_.get()](spool::QueueId id) { state->dispatcher.add(id); });
  state_->dispatcher.remember(settings.sites);
  take_up(spool.list());
  state_->dispatcher.start();
}

Delivery::~Delivery() { stop({}); }

void Delivery::change(const std::shared_ptr<const Directory>& directory,
                      const DeliverySettings& settings) {
  prepare_change(directory, settings)();
}

std::function<void()> Delivery::prepare_change(const std::shared_ptr<const Directory>& directory,
                                               const DeliverySettings& settings) {
  auto& state = *state_;
  auto ways = open_ways(state.spool, settings.ways, state.ways, state.tls_observer);
  const auto is_new = [&](const WayOut& one) {
    return std::none_of(state.ways.begin(), state.ways.end(),
                        [&](const WayOut& other) { return one.carrier == other.carrier; });
  };
  const bool flushes = std::any_of(ways.begin(), ways.end(), is_new);
  auto routes = std::make_shared<ServerRoutes>(directory, state.here, settings.table, ways);
  // A function must be copied, and the reporter cannot be.
  const auto tls_reporter =
      std::make_shared<std::unique_ptr<tlsrpt::Reporter>>(state.new_tls_reporter(settings));
  return
      [&state, directory, whole = settings, tls_reporter,
       settings = dispatcher_settings(settings, state.make_reporter(settings.reports, directory)),
       flushes, ways = std::move(ways), routes = std::move(routes)] {
        state.ways = ways;
        state.routes = routes;
        state.dispatcher.change(routes, settings);
        if (flushes) state.dispatcher.flush();
        if (*tls_reporter) state.tls_reporter = std::move(*tls_reporter);
        state.report_tls(whole, directory);
      };
}

void Delivery::request(queue::Request what, std::vector<spool::QueueId> ids,
                       queue::Dispatcher::RequestDone done) {
  state_->dispatcher.request(what, std::move(ids), std::move(done));
}

void Delivery::find(spool::QueueId id, std::function<void(const queue::Whereabouts&)> found) {
  state_->dispatcher.find(id, std::move(found));
}

void Delivery::find_sites(std::function<void(std::vector<queue::SiteFacts>)> found) {
  state_->dispatcher.find_sites(std::move(found));
}

void Delivery::request_sites(queue::SiteRequest what, std::vector<std::string> names,
                             std::function<void()> done) {
  state_->dispatcher.request_sites(what, std::move(names), std::move(done));
}

void Delivery::explain(const spool::Envelope& envelope, std::uint32_t recipient,
                       std::function<void(std::vector<std::string>)> done) const {
  const auto handling = queue::handling_of(envelope);
  const auto route = state_->routes->route(envelope, handling, recipient);
  const auto carrier = std::dynamic_pointer_cast<mx::MxCarrier>(route.carrier);
  const auto address = Mailbox::parse(envelope.recipients[recipient].address);
  if (carrier && address)
    carrier->explain(address->domain, mx::wish_of(envelope, handling), std::move(done));
  else
    done({});
}

std::string Delivery::site_of(const spool::Envelope& envelope, std::uint32_t recipient) const {
  const auto route = state_->routes->route(envelope, queue::handling_of(envelope), recipient);
  return route.carrier ? route.site : std::string();
}

std::optional<std::string> Delivery::known_site_of(const std::string& domain) const {
  spool::Envelope envelope;
  envelope.recipients.emplace_back().address = "postmaster@" + domain;
  const auto route = state_->routes->route(envelope, {}, 0);
  if (!route.destination.empty() && !route.is_site_known) return std::nullopt;
  if (const auto carrier = std::dynamic_pointer_cast<mx::MxCarrier>(route.carrier);
      carrier && !carrier->site_of(canonical_domain(domain)).is_known)
    return std::nullopt;
  return route.carrier ? std::string(mx::split_site(route.site).site) : std::string();
}

std::vector<std::string> Delivery::sites_with_sources(const std::string& site) const {
  const auto carrier = site.starts_with("mx:") ? state_->mx_carrier() : nullptr;
  return carrier ? carrier->sites_with_sources(site) : std::vector{site};
}

std::optional<queue::SiteLimits> Delivery::limits_of(const std::string& site) const {
  const auto carrier = state_->mx_carrier();
  return carrier ? std::optional(carrier->site_limits(site)) : std::nullopt;
}

std::string Delivery::way_of(const spool::Envelope& envelope, std::uint32_t recipient) const {
  return state_->routes->way(envelope, queue::handling_of(envelope), recipient);
}

std::shared_ptr<mx::MxCarrier> Delivery::State::mx_carrier() const {
  for (const auto& way : ways)
    if (way.mx) return way.mx;
  return nullptr;
}

void Delivery::find_policies(std::vector<std::string> names,
                             std::function<void(std::vector<tls::PolicyFacts>)> done) const {
  const auto carrier = state_->mx_carrier();
  carrier ? carrier->find_policies(std::move(names), std::move(done)) : done({});
}

void Delivery::purge_policy(std::string name, std::function<void(bool)> done) const {
  const auto carrier = state_->mx_carrier();
  carrier ? carrier->purge_policy(std::move(name), std::move(done)) : done(false);
}

void Delivery::find_site(const std::string& domain, std::function<void()> found) const {
  spool::Envelope envelope;
  envelope.recipients.emplace_back().address = "postmaster@" + domain;
  const auto route = state_->routes->route(envelope, {}, 0);
  // The callback holds no route: the last reference to a carrier must not go on its own thread.
  route.destination.empty() ? found() : route.carrier->find_site(route.destination, found);
}

const tlsrpt::Tally& Delivery::tls_counts() const { return state_->tally; }

bool Delivery::send_tls_reports(std::function<void(const tlsrpt::ReportResult&)> each,
                                std::function<void(std::size_t)> done) const {
  if (!state_->tls_reporter || !state_->reports_tls) return false;
  state_->tls_reporter->send_now(std::move(each), std::move(done));
  return true;
}

queue::QueueCounts Delivery::counts() const { return state_->dispatcher.counts(); }

void Delivery::take_up(const std::vector<spool::Summary>& messages) {
  for (const auto& message : messages) state_->dispatcher.add(message.id);
}

void Delivery::begin_stop() {
  state_->dispatcher.begin_stop();
  state_->tls_reporter.reset();
}

void Delivery::stop(std::chrono::milliseconds drain) {
  state_->dispatcher.stop(std::chrono::steady_clock::now() + drain);
  state_->tls_reporter.reset();
  state_->tally.leave();
}

Result<void> Delivery::health() const {
  const auto trouble = state_->dispatcher.trouble(mailboxes_site);
  if (trouble.empty()) return {};
  // No message may come for hours that would show that there is room again.
  if (state_->here->lacked_room() && state_->maildirs.has_room()) return {};
  return fail(Fault::full, mailboxes_site, trouble);
}

}  // namespace postroad::relay
