// The server's delivery: a dispatcher over the spool, with routes to mailboxes here and to
// other servers, a log of what became of each recipient, and notifications to the senders. A
// message leaves the spool when all its recipients are delivered or refused and its sender was
// told.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "observe/log.hpp"
#include "queue/dispatcher.hpp"
#include "queue/settlement.hpp"
#include "relay/local/directory.hpp"
#include "relay/local/maildir.hpp"
#include "relay/reports/spool_reporter.hpp"
#include "relay/routes/route_table.hpp"
#include "relay/routes/ways.hpp"
#include "relay/tlsrpt/reporter.hpp"
#include "spool/spool.hpp"

namespace postroad::relay {

struct DeliverySettings {
  std::string host;      ///< in file names and EHLO
  bool discard = false;  ///< discards every message: for measuring the intake
  RouteTable table;
  std::vector<Way> ways;  ///< of the table's routes, in their order
  queue::SettlementPolicy settlement;
  ReportSettings reports;
  unsigned threads = 2;                 ///< for mailboxes here; fixed at the start
  std::vector<queue::SiteFacts> sites;  ///< what an earlier process knew; read at the start
  std::filesystem::path data{};         ///< the data folder; read at the start
  tlsrpt::ReporterSettings tlsrpt{};
  std::shared_ptr<const MessageSigner> tlsrpt_signer{};  ///< null: reports are not signed
};

class Delivery final {
 public:
  /// All references outlive it. It registers itself with the spool and takes up the messages that
  /// are queued already.
  Delivery(spool::Spool& spool, const std::shared_ptr<const Directory>& directory,
           const Maildirs& maildirs, observe::Log& log, DeliverySettings settings);
  /// As `stop(0)`, unless it was stopped before.
  ~Delivery();

  /// Other settings, from the next attempt on. A new way out, or another login or name there, makes
  /// all messages due that wait for a retry.
  void change(const std::shared_ptr<const Directory>& directory, const DeliverySettings& settings);
  /// A change in two steps: makes what may fail (threads), and returns the rest, which is called
  /// while this exists, or never. Throws std::system_error without a thread.
  [[nodiscard]] std::function<void()> prepare_change(
      const std::shared_ptr<const Directory>& directory, const DeliverySettings& settings);
  /// As queue::Dispatcher::request and find.
  void request(queue::Request what, std::vector<spool::QueueId> ids,
               queue::Dispatcher::RequestDone done);
  void find(spool::QueueId id, std::function<void(const queue::Whereabouts&)> found);
  /// As queue::Dispatcher::find_sites and request_sites.
  void find_sites(std::function<void(std::vector<queue::SiteFacts>)> found);
  void request_sites(queue::SiteRequest what, std::vector<std::string> names,
                     std::function<void()> done);
  /// Calls MxCarrier::explain of the recipient's route; gives nothing for a route that does not ask
  /// the DNS. Thread rule: that of prepare_change().
  void explain(const spool::Envelope& envelope, std::uint32_t recipient,
               std::function<void(std::vector<std::string>)> done) const;
  /// The site that serves a recipient, as far as it is known; empty: there is none. Thread rule:
  /// that of prepare_change().
  [[nodiscard]] std::string site_of(const spool::Envelope& envelope, std::uint32_t recipient) const;
  /// The configured limits of a site of mail exchangers; nullopt: there is no way to them. Thread
  /// rule: that of prepare_change().
  [[nodiscard]] std::optional<queue::SiteLimits> limits_of(const std::string& site) const;
  /// The names under which a site has lines and limits: one per source. Thread rule: that of
  /// prepare_change().
  [[nodiscard]] std::vector<std::string> sites_with_sources(const std::string& site) const;
  /// site_of() of a recipient in this domain, without a source, if the DNS has said it. Thread
  /// rule: that of prepare_change().
  [[nodiscard]] std::optional<std::string> known_site_of(const std::string& domain) const;
  /// The way that a recipient takes, as names_of names it; empty: there is none. Thread rule: that
  /// of prepare_change().
  [[nodiscard]] std::string way_of(const spool::Envelope& envelope, std::uint32_t recipient) const;
  /// Asks the DNS for the site that serves a domain, unless it is known; then site_of() tells it.
  /// Calls back once, from any thread, also before this returns. Thread rule: that of
  /// prepare_change().
  void find_site(const std::string& domain, std::function<void()> found) const;
  /// As MxCarrier::find_policies and purge_policy; nothing where there is no way to mail
  /// exchangers. Thread rule: that of prepare_change().
  void find_policies(std::vector<std::string> names,
                     std::function<void(std::vector<tls::PolicyFacts>)> done) const;
  void purge_policy(std::string name, std::function<void(bool was_known)> done) const;
  /// The counts for reports about TLS. Thread rule: any thread.
  [[nodiscard]] const tlsrpt::Tally& tls_counts() const;
  /// As tlsrpt::Reporter::send_now. False: reports are not sent, and nothing is called. Thread
  /// rule: that of prepare_change().
  bool send_tls_reports(std::function<void(const tlsrpt::ReportResult&)> each,
                        std::function<void(std::size_t)> done) const;
  /// As queue::Dispatcher::counts. Thread rule: any thread.
  [[nodiscard]] queue::QueueCounts counts() const;
  /// Messages that another process left in the spool.
  void take_up(const std::vector<spool::Summary>& messages);
  /// Begins no attempt, and ends those that have not sent their final dot. Does not wait.
  void begin_stop();
  /// As begin_stop(). Attempts whose final dot was sent get `drain` for the reply; then they are
  /// cut off, and their messages stay in the spool.
  void stop(std::chrono::milliseconds drain);
  /// Error: Fault::full: the disk of the mailboxes is full.
  [[nodiscard]] Result<void> health() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postroad::relay
