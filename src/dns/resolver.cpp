// The wait of a query: deadline, cancellation and the way back to the caller's executor are the
// same for every implementation. See resolver.hpp.
#include "dns/resolver.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "dns/names.hpp"

namespace postroad::dns {

namespace asio = boost::asio;

namespace {

constexpr auto as_values = asio::as_tuple(asio::use_awaitable);

template <class Record>
Answer<Record> parsed(Response response, RecordType type,
                      std::optional<Record> (*parse)(std::string_view)) {
  Answer<Record> answer;
  static_cast<AnswerInfo&>(answer) = response;
  if (answer.status != Status::records) return answer;
  for (const auto& data : response.data) {
    auto record = parse(data);
    if (!record) {
      // Never fewer records than the zone has: a lost TLSA record would weaken TLS.
      const auto why = "the answer has a malformed record of type " + std::string(to_string(type));
      answer = {};
      answer.reason = why;
      return answer;
    }
    answer.records.push_back(std::move(*record));
  }
  return answer;
}

// Also when the coroutine is destroyed while it waits.
class AbandonAtExit final {
 public:
  explicit AbandonAtExit(Query& query) : query_(query) {}
  AbandonAtExit(const AbandonAtExit&) = delete;
  AbandonAtExit& operator=(const AbandonAtExit&) = delete;
  ~AbandonAtExit() { query_.abandon(); }

 private:
  Query& query_;
};

}  // namespace

std::string_view to_string(Status status) noexcept {
  switch (status) {
    case Status::records:
      return "records";
    case Status::no_data:
      return "NODATA";
    case Status::no_domain:
      return "NXDOMAIN";
    case Status::temporary_failure:
      return "temporary failure";
    case Status::bogus:
      return "bogus";
  }
  return "?";
}

std::string_view to_string(Security security) noexcept {
  switch (security) {
    case Security::insecure:
      return "insecure";
    case Security::secure:
      return "secure";
    case Security::bogus:
      return "bogus";
  }
  return "?";
}

void Query::answer(Response response) {
  const std::lock_guard lock(mutex_);
  if (bell_ == nullptr || response_) return;
  response_ = std::move(response);
  asio::post(bell_->get_executor(), [self = shared_from_this()] {
    const std::lock_guard again(self->mutex_);
    // Not cancel(): a wait that begins only now must end too.
    if (self->bell_ != nullptr) self->bell_->expires_at((Time::min)());
  });
}

bool Query::is_abandoned() const {
  const std::lock_guard lock(mutex_);
  return bell_ == nullptr;
}

void Query::abandon() {
  const std::lock_guard lock(mutex_);
  bell_ = nullptr;
}

std::optional<Response> Query::take() {
  const std::lock_guard lock(mutex_);
  return std::move(response_);
}

template <class Record>
Resolver::Lookup<Record> Resolver::ask(std::string name, RecordType type, Time deadline,
                                       std::optional<Record> (*parse)(std::string_view)) {
  const auto valid = check_name(name);
  if (!valid) co_return valid.error();
  co_return co_await ask_valid(std::move(name), type, deadline, parse);
}

template <class Record>
Resolver::Lookup<Record> Resolver::ask_valid(std::string name, RecordType type, Time deadline,
                                             std::optional<Record> (*parse)(std::string_view)) {
  if (auto known = find(name, type)) co_return parsed(std::move(*known), type, parse);
  co_await asio::this_coro::throw_if_cancelled(false);
  asio::steady_timer bell(co_await asio::this_coro::executor, deadline);
  const auto query = std::make_shared<Query>(std::move(name), type, bell);
  const AbandonAtExit abandon(*query);
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() == asio::cancellation_type::none) {
    start(query);
    (void)co_await bell.async_wait(as_values);
  }
  auto response = query->take();
  if (!response && state.cancelled() != asio::cancellation_type::none)
    co_return fail(Fault::cancelled, query->name(), "the DNS query was cancelled");
  if (!response) response = Response::failed("no answer before the deadline");
  co_return parsed(std::move(*response), type, parse);
}

Resolver::Lookup<MxRecord> Resolver::mx(std::string name, Time deadline) {
  return ask(std::move(name), RecordType::mx, deadline, &parse_mx);
}
Resolver::Lookup<Resolver::Address> Resolver::a(std::string name, Time deadline) {
  return ask(std::move(name), RecordType::a, deadline, &parse_a);
}
Resolver::Lookup<Resolver::Address> Resolver::aaaa(std::string name, Time deadline) {
  return ask(std::move(name), RecordType::aaaa, deadline, &parse_aaaa);
}
Resolver::Lookup<std::string> Resolver::cname(std::string name, Time deadline) {
  return ask(std::move(name), RecordType::cname, deadline, &parse_ptr);
}
Resolver::Lookup<TlsaRecord> Resolver::tlsa(std::string name, Time deadline) {
  return ask(std::move(name), RecordType::tlsa, deadline, &parse_tlsa);
}
Resolver::Lookup<std::string> Resolver::txt(std::string name, Time deadline) {
  return ask(std::move(name), RecordType::txt, deadline, &parse_txt);
}
Resolver::Lookup<std::string> Resolver::ptr(Address address, Time deadline) {
  return ask(reverse_name(address), RecordType::ptr, deadline, &parse_ptr);
}
Resolver::Lookup<std::string> Resolver::dnskey(std::string zone, Time deadline) {
  std::optional<std::string> (*const parse)(std::string_view) = [](std::string_view data) {
    return std::optional<std::string>(data);
  };
  if (zone == ".") return ask_valid(std::move(zone), RecordType::dnskey, deadline, parse);
  return ask(std::move(zone), RecordType::dnskey, deadline, parse);
}

}  // namespace postroad::dns
