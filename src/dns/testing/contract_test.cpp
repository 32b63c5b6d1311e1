// The contract of resolver.hpp: the same tests for libunbound, asking a name server by UDP, and for
// the scripted double.
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "dns/testing/await.hpp"
#include "dns/testing/scripted_resolver.hpp"
#include "dns/testing/test_name_server.hpp"
#include "dns/unbound_resolver.hpp"

namespace postroad::dns {
namespace {

namespace asio = boost::asio;
using asio::ip::make_address;
using namespace std::chrono_literals;

/// A resolver with the table that it answers from.
class World {
 public:
  virtual ~World() = default;
  virtual Resolver& resolver() = 0;
  virtual Script& script() = 0;
  virtual void fall_silent() = 0;
};

class ScriptedWorld final : public World {
 public:
  explicit ScriptedWorld(asio::io_context&) {}
  Resolver& resolver() override { return resolver_; }
  Script& script() override { return resolver_.script(); }
  void fall_silent() override { resolver_.hold(); }

 private:
  ScriptedResolver resolver_;
};

class UnboundWorld final : public World {
 public:
  explicit UnboundWorld(asio::io_context& context) : server_(context) {
    UnboundOptions options;
    options.name_servers = {server_.address()};
    resolver_ = UnboundResolver::open(context.get_executor(), options).value();
  }
  Resolver& resolver() override { return *resolver_; }
  Script& script() override { return server_.script(); }
  void fall_silent() override { server_.fall_silent(); }

 private:
  TestNameServer server_;
  std::unique_ptr<UnboundResolver> resolver_;
};

struct Implementation {
  std::string name;
  std::unique_ptr<World> (*make)(asio::io_context&);
};

template <class T>
std::unique_ptr<World> make(asio::io_context& context) {
  return std::make_unique<T>(context);
}

class Contract : public testing::TestWithParam<Implementation> {
 protected:
  static Time soon() { return std::chrono::steady_clock::now() + 20s; }
  template <class T>
  T get(asio::awaitable<T> call) {
    return await_result(context_, std::move(call));
  }

  asio::io_context context_{1};
  std::unique_ptr<World> world_ = GetParam().make(context_);
  Script& script_ = world_->script();
  Resolver& resolver_ = world_->resolver();
};

TEST_P(Contract, GivesTheRecordsOfEachType) {
  script_.records("example.org", RecordType::mx,
                  {mx_data(10, "mx1.example.org"), mx_data(20, "mx2.example.org")});
  script_.records("mx1.example.org", RecordType::a, {address_data("192.0.2.25")});
  script_.records("mx1.example.org", RecordType::aaaa, {address_data("2001:db8::25")});
  script_.records("_25._tcp.mx1.example.org", RecordType::tlsa, {tlsa_data(3, 1, 1, "digest")});
  script_.records("example.org", RecordType::txt, {txt_data({"v=spf1", " mx -all"})});
  script_.records("25.2.0.192.in-addr.arpa", RecordType::ptr, {name_data("mx1.example.org")});

  auto mx = get(resolver_.mx("example.org", soon()));
  ASSERT_TRUE(mx) << mx.error();
  EXPECT_EQ(mx->status, Status::records) << mx->reason;
  EXPECT_EQ(mx->security(), Security::insecure);
  EXPECT_EQ(mx->canonical_name, "");
  EXPECT_EQ(mx->ttl, 300s);
  std::sort(mx->records.begin(), mx->records.end(),
            [](const auto& a, const auto& b) { return a.preference < b.preference; });
  EXPECT_EQ(mx->records, (std::vector<MxRecord>{{10, "mx1.example.org"}, {20, "mx2.example.org"}}));
  using Addresses = std::vector<asio::ip::address>;
  EXPECT_EQ(get(resolver_.a("mx1.example.org.", soon()))->records,
            Addresses{make_address("192.0.2.25")});
  EXPECT_EQ(get(resolver_.aaaa("MX1.example.org", soon()))->records,
            Addresses{make_address("2001:db8::25")});
  EXPECT_EQ(get(resolver_.tlsa("_25._tcp.mx1.example.org", soon()))->records,
            (std::vector<TlsaRecord>{{3, 1, 1, "digest"}}));
  EXPECT_EQ(get(resolver_.txt("example.org", soon()))->records,
            std::vector<std::string>{"v=spf1 mx -all"});
  EXPECT_EQ(get(resolver_.ptr(make_address("192.0.2.25"), soon()))->records,
            std::vector<std::string>{"mx1.example.org"});
}

TEST_P(Contract, TellsTheOutcomesWithoutRecordsApart) {
  script_.records("example.org", RecordType::a, {address_data("192.0.2.25")});
  script_.fail("broken.example.org", RecordType::mx);
  script_.fail("refused.example.org", RecordType::mx, "REFUSED");
  const std::pair<const char*, Status> outcomes[] = {
      {"example.org", Status::no_data},
      {"nowhere.example.org", Status::no_domain},
      {"broken.example.org", Status::temporary_failure},
      {"refused.example.org", Status::temporary_failure}};
  for (const auto& [name, status] : outcomes) {
    const auto answer = get(resolver_.mx(name, soon()));
    ASSERT_TRUE(answer) << answer.error();
    EXPECT_EQ(answer->status, status) << name;
    EXPECT_TRUE(answer->records.empty());
    EXPECT_EQ(answer->reason.empty(), status != Status::temporary_failure) << answer->reason;
  }
}

TEST_P(Contract, NamesTheEndOfAnAlias) {
  script_.records("www.example.org", RecordType::a, {address_data("192.0.2.80")},
                  "host.example.net");
  script_.records("host.example.net", RecordType::a, {address_data("192.0.2.80")});
  const auto answer = get(resolver_.a("www.example.org", soon()));
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_EQ(answer->status, Status::records) << answer->reason;
  EXPECT_EQ(answer->canonical_name, "host.example.net");
}

TEST_P(Contract, AMalformedRecordFailsTheWholeAnswer) {
  script_.records("_25._tcp.example.org", RecordType::tlsa, {tlsa_data(3, 1, 1, "x"), "\3\1"});
  const auto answer = get(resolver_.tlsa("_25._tcp.example.org", soon()));
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_EQ(answer->status, Status::temporary_failure);
  EXPECT_TRUE(answer->records.empty());
}

TEST_P(Contract, ANameThatIsNoneIsAnError) {
  for (const std::string name : {"", "a..b", "b\xc3\xbc.example", "a b"}) {
    const auto answer = get(resolver_.mx(name, soon()));
    ASSERT_FALSE(answer) << name;
    EXPECT_EQ(answer.error().fault, Fault::input);
  }
}

TEST_P(Contract, EndsAtTheDeadline) {
  world_->fall_silent();
  const auto begin = std::chrono::steady_clock::now();
  for (const auto wait : {-1ms, 0ms, 50ms}) {
    const auto answer = get(resolver_.mx("example.org", std::chrono::steady_clock::now() + wait));
    ASSERT_TRUE(answer) << answer.error();
    EXPECT_EQ(answer->status, Status::temporary_failure);
    EXPECT_EQ(answer->reason, "no answer before the deadline");
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
}

TEST_P(Contract, IsCancelledAtOnce) {
  world_->fall_silent();
  asio::cancellation_signal signal;
  std::optional<Result<Answer<MxRecord>>> outcome;
  asio::co_spawn(context_, resolver_.mx("example.org", soon()),
                 asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr thrown,
                                                                 Result<Answer<MxRecord>> answer) {
                   EXPECT_FALSE(thrown);
                   outcome.emplace(std::move(answer));
                   context_.stop();
                 }));
  asio::post(context_, [&] { signal.emit(asio::cancellation_type::terminal); });
  const auto begin = std::chrono::steady_clock::now();
  context_.run();
  ASSERT_TRUE(outcome.has_value());
  ASSERT_FALSE(*outcome);
  EXPECT_EQ(outcome->error().fault, Fault::cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
}

TEST_P(Contract, AResolverThatIsDestroyedEndsItsQueries) {
  world_->fall_silent();
  std::optional<Result<Answer<MxRecord>>> outcome;
  asio::co_spawn(context_, resolver_.mx("example.org", soon()),
                 [&](std::exception_ptr, Result<Answer<MxRecord>> answer) {
                   outcome.emplace(std::move(answer));
                   context_.stop();
                 });
  asio::post(context_, [&] { world_.reset(); });
  context_.run();
  ASSERT_TRUE(outcome.has_value() && *outcome);
  EXPECT_EQ((*outcome)->status, Status::temporary_failure);
  EXPECT_EQ((*outcome)->reason, "the resolver was closed");
}

TEST_P(Contract, ACoroutineDestroyedWhileItWaitsIsForgotten) {
  world_->fall_silent();
  {
    asio::io_context other;
    asio::co_spawn(other, resolver_.mx("example.org", soon()), asio::detached);
    other.poll();
  }
  world_.reset();
}

std::string name_of(const testing::TestParamInfo<Implementation>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Resolvers, Contract,
                         testing::Values(Implementation{"Unbound", &make<UnboundWorld>},
                                         Implementation{"Scripted", &make<ScriptedWorld>}),
                         name_of);

}  // namespace
}  // namespace postroad::dns
