// libunbound works on a thread of its own, which the first query starts, and tells by a pipe that
// answers are there. ub_resolve_async writes to another pipe and never waits for the network;
// ub_process takes what is there. A query is never cancelled inside libunbound: it would go on to
// occupy a socket without being counted. See unbound_resolver.hpp.
#include "dns/unbound_resolver.hpp"

#include <pthread.h>
#include <signal.h>
#include <unbound.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <deque>
#include <list>
#include <mutex>
#include <optional>

#include "base/text.hpp"
#include "dns/answer_cache.hpp"

namespace postroad::dns {

namespace asio = boost::asio;

namespace {

constexpr int class_in = 1;
constexpr int nxdomain = 3;

using Context = std::unique_ptr<ub_ctx, void (*)(ub_ctx*)>;
using UnboundResult = std::unique_ptr<ub_result, void (*)(ub_result*)>;

struct Setting {
  const char* name;
  std::string value;
};

Result<void> configure(ub_ctx* context) {
  const Setting settings[] = {
      {"do-not-query-localhost:", "no"},
      // Private reverse zones are those of the site's own servers.
      {"unblock-lan-zones:", "yes"},
      {"insecure-lan-zones:", "yes"},
      // The default of 16 sockets lets some dead servers hold up all others.
      {"outgoing-range:", std::to_string(UnboundResolver::max_under_way)},
      {"outgoing-num-tcp:", "10"},
      // Name servers that were down are found again at once, not after 15 minutes.
      {"infra-keep-probing:", "yes"},
  };
  (void)ub_ctx_debugout(context, nullptr);  // the default is standard error
  if (ub_ctx_async(context, 1) != 0)        // a thread; the default is a process
    return fail(Fault::io, "libunbound", "it has no threads");
  for (const auto& [name, value] : settings) {
    if (ub_ctx_set_option(context, name, value.c_str()) != 0)
      return fail(Fault::io, "libunbound", std::string("unknown setting: ") + name);
  }
  return {};
}

Result<void> set_name_servers(ub_ctx* context, const std::vector<std::string>& servers) {
  for (const auto& server : servers) {
    if (ub_ctx_set_fwd(context, server.c_str()) != 0)
      return fail(Fault::input, "name server",
                  "'" + printable(server, 60) +
                      "' is not an address; use the form 192.0.2.1 or 192.0.2.1@5353");
  }
  // Without servers, or without the file, libunbound begins at the root servers.
  if (servers.empty()) (void)ub_ctx_resolvconf(context, nullptr);
  return {};
}

Result<void> set_trust_anchors(ub_ctx* context, const UnboundOptions& options) {
  int code = 0;
  for (const auto& anchor : options.trust_anchors) {
    if (code == 0) code = ub_ctx_add_ta(context, anchor.c_str());
  }
  if (code == 0 && !options.trust_anchor_file.empty())
    code = ub_ctx_add_ta_file(context, options.trust_anchor_file.c_str());
  // The settings are read now: a wrong anchor shows here. The zone test. (RFC 6761) is left to the
  // name servers, which a site may have for it.
  if (code == 0) code = ub_ctx_zone_remove(context, "test.");
  if (code == 0) return {};
  return fail(Fault::input, "trust anchor",
              std::string(ub_strerror(code)) +
                  "; expected a DS or DNSKEY record in zone file format, or a readable file of "
                  "such records");
}

/// A thread that starts meanwhile handles no signal of the program's.
class SignalsBlocked final {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

Response response_of(int code, const ub_result* result) {
  if (code != 0 || result == nullptr) return Response::failed(ub_strerror(code));
  Response response;
  response.is_signed = has_signature({static_cast<const char*>(result->answer_packet),
                                      static_cast<std::size_t>(result->answer_len)});
  if (result->bogus != 0) {
    response.status = Status::bogus;
    response.reason = "DNSSEC validation of the answer failed";
    if (result->why_bogus != nullptr) response.reason += ": " + printable(result->why_bogus, 400);
    return response;
  }
  if (result->rcode != 0 && result->rcode != nxdomain)
    return Response::failed("no name server gave an answer (DNS response code " +
                            std::to_string(result->rcode) + ")");
  response.is_validated = result->secure != 0;
  response.ttl = std::chrono::seconds(std::max(result->ttl, 0));
  if (result->canonname != nullptr) response.canonical_name = result->canonname;
  if (response.canonical_name.ends_with('.')) response.canonical_name.pop_back();
  response.status = result->nxdomain != 0   ? Status::no_domain
                    : result->havedata != 0 ? Status::records
                                            : Status::no_data;
  if (response.status != Status::records) return response;
  for (std::size_t i = 0; result->data[i] != nullptr; ++i)
    response.data.emplace_back(result->data[i], static_cast<std::size_t>(result->len[i]));
  return response;
}

}  // namespace

/// Outlives the resolver while a wait for the descriptor is being cancelled.
class UnboundResolver::State final : public std::enable_shared_from_this<State> {
 public:
  State(Context context, const asio::any_io_executor& executor)
      : context_(std::move(context)), descriptor_(std::in_place, executor, ub_fd(context_.get())) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { close(); }

  void start(std::shared_ptr<Query> query) {
    const std::lock_guard lock(mutex_);
    if (!context_) return query->answer(Response::failed("the resolver was closed"));
    if (under_way_.size() < max_under_way) return resolve(std::move(query));
    if (waiting_.size() >= max_waiting) drop_abandoned();
    if (waiting_.size() >= max_waiting)
      return query->answer(Response::failed("too many DNS queries are under way"));
    waiting_.push_back(std::move(query));
  }

  AnswerCache known;

  void close() {
    const std::lock_guard lock(mutex_);
    if (!context_) return;
    (void)descriptor_->release();  // it belongs to libunbound
    descriptor_.reset();
    context_.reset();  // joins its thread; no callback follows
    for (const auto& slot : under_way_) slot.query->answer(Response::failed(closed));
    for (const auto& query : waiting_) query->answer(Response::failed(closed));
    under_way_.clear();
    waiting_.clear();
  }

 private:
  static constexpr const char* closed = "the resolver was closed";

  struct Slot {
    State* state;
    std::shared_ptr<Query> query;
    std::list<Slot>::iterator self{};
  };

  void resolve(std::shared_ptr<Query> query) {
    under_way_.push_front({this, std::move(query)});
    auto& slot = under_way_.front();
    slot.self = under_way_.begin();
    std::optional<SignalsBlocked> blocked;
    if (!has_thread_) blocked.emplace();
    const int code = ub_resolve_async(context_.get(), slot.query->name().c_str(),
                                      static_cast<int>(slot.query->type()), class_in, &slot,
                                      &State::on_result, nullptr);
    has_thread_ = has_thread_ || code == 0;
    if (code != 0) {
      slot.query->answer(Response::failed(ub_strerror(code)));
      under_way_.pop_front();
    }
    watch();
  }

  // Called by ub_process, under the lock.
  static void on_result(void* argument, int code, ub_result* result) {
    const UnboundResult owner(result, ub_resolve_free);
    const auto& slot = *static_cast<const Slot*>(argument);
    auto response = response_of(code, result);
    slot.state->known.add(slot.query->name(), slot.query->type(), response,
                          std::chrono::steady_clock::now());
    slot.query->answer(std::move(response));
    slot.state->under_way_.erase(slot.self);
  }

  void watch() {
    if (is_watching_ || under_way_.empty()) return;
    is_watching_ = true;
    descriptor_->async_wait(asio::posix::descriptor_base::wait_read,
                            [self = shared_from_this()](const boost::system::error_code& error) {
                              self->readable(error);
                            });
  }

  void readable(const boost::system::error_code& error) {
    std::unique_lock lock(mutex_);
    is_watching_ = false;
    if (!context_) return;
    if (error || ub_process(context_.get()) != 0) {
      lock.unlock();
      return close();  // its thread has ended: every query from now on fails at once
    }
    while (!waiting_.empty() && under_way_.size() < max_under_way) {
      auto next = std::move(waiting_.front());
      waiting_.pop_front();
      if (!next->is_abandoned()) resolve(std::move(next));
    }
    watch();
  }

  void drop_abandoned() {
    std::erase_if(waiting_, [](const auto& query) { return query->is_abandoned(); });
  }

  std::mutex mutex_;
  Context context_;  // null: closed
  std::optional<asio::posix::stream_descriptor> descriptor_;
  bool is_watching_ = false;
  bool has_thread_ = false;
  std::list<Slot> under_way_;
  std::deque<std::shared_ptr<Query>> waiting_;
};

Result<std::unique_ptr<UnboundResolver>> UnboundResolver::open(asio::any_io_executor executor,
                                                               const UnboundOptions& options) {
  Context context(ub_ctx_create(), ub_ctx_delete);
  if (!context) return fail(Fault::io, "libunbound", "no memory for a resolver");
  auto done = configure(context.get());
  if (done) done = set_name_servers(context.get(), options.name_servers);
  if (done) done = set_trust_anchors(context.get(), options);
  if (!done) return done.error();
  if (ub_fd(context.get()) < 0)
    return fail(Fault::io, "libunbound", "no descriptor for a resolver");
  auto state = std::make_shared<State>(std::move(context), executor);
  return std::unique_ptr<UnboundResolver>(new UnboundResolver(std::move(state)));
}

UnboundResolver::UnboundResolver(std::shared_ptr<State> state) : state_(std::move(state)) {}

UnboundResolver::~UnboundResolver() { state_->close(); }

std::optional<Response> UnboundResolver::find(const std::string& name, RecordType type) const {
  return state_->known.find(name, type, std::chrono::steady_clock::now());
}

void UnboundResolver::start(std::shared_ptr<Query> query) { state_->start(std::move(query)); }

}  // namespace postroad::dns
