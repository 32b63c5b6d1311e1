// From scripted TLSA answers to what a session accepts. The handshakes: net/tls_test.cpp.
#include "relay/tls/dane.hpp"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "dns/testing/await.hpp"
#include "dns/testing/scripted_resolver.hpp"

namespace postroad::relay::tls {
namespace {

namespace asio = boost::asio;
using dns::RecordType;
using dns::Status;
using dns::TlsaRecord;
using DaneKind = Dane::Kind;
using namespace std::chrono_literals;

const std::string tlsa_digest(32, '\xd2');
const TlsaRecord by_key{3, 1, 1, tlsa_digest};
const TlsaRecord by_pkix{1, 1, 1, tlsa_digest};

dns::Answer<TlsaRecord> tlsa_answer(Status status, std::vector<TlsaRecord> records = {},
                                    bool is_validated = true) {
  dns::Answer<TlsaRecord> answer;
  answer.status = status;
  answer.is_validated = is_validated;
  answer.records = std::move(records);
  return answer;
}

TEST(DaneOfAnAnswer, AppliesWhereTheRecordsAreSecure) {
  const struct {
    std::string name;
    dns::Answer<TlsaRecord> answer;
    DaneKind kind;
    std::size_t associations;
  } rows[] = {
      {"no name", tlsa_answer(Status::no_domain), DaneKind::none, 0},
      {"no record", tlsa_answer(Status::no_data), DaneKind::none, 0},
      {"no answer", tlsa_answer(Status::temporary_failure), DaneKind::failed, 0},
      {"bogus", tlsa_answer(Status::bogus), DaneKind::failed, 0},
      {"insecure", tlsa_answer(Status::records, {by_key}, false), DaneKind::none, 0},
      {"secure", tlsa_answer(Status::records, {by_key}), DaneKind::usable, 1},
      {"PKIX-EE only", tlsa_answer(Status::records, {by_pkix}), DaneKind::only_named, 0},
      {"one of two", tlsa_answer(Status::records, {by_pkix, by_key}), DaneKind::usable, 1},
      {"a short digest", tlsa_answer(Status::records, {{3, 1, 1, "d"}}), DaneKind::only_named, 0},
      {"many", tlsa_answer(Status::records, std::vector(60, by_key)), DaneKind::usable, 50},
  };
  for (const auto& row : rows) {
    const auto found = dane_of("mx.example", 25, row.answer);
    EXPECT_EQ(found.kind, row.kind) << row.name;
    EXPECT_EQ(found.associations.size(), row.associations) << row.name;
    EXPECT_EQ(found.base, "mx.example") << row.name;
  }
}

TEST(DaneOfAnAnswer, TellsTheAnswer) {
  auto failed = tlsa_answer(Status::temporary_failure, {}, false);
  failed.reason = "SERVFAIL";
  const std::pair<dns::Answer<TlsaRecord>, std::string> rows[] = {
      {tlsa_answer(Status::records, {by_key}), " 3 1 1 d2d2d2d2d2d2d2d2… (secure)"},
      {tlsa_answer(Status::records, {{2, 0, 0, "\x01\xff"}, by_pkix}, false),
       " 2 0 0 01ff, 1 1 1 d2d2d2d2d2d2d2d2… (insecure)"},
      {tlsa_answer(Status::records, std::vector(6, TlsaRecord{3, 1, 1, "a"})),
       " 3 1 1 61, 3 1 1 61, 3 1 1 61, 3 1 1 61, 3 1 1 61 … (secure)"},
      {tlsa_answer(Status::no_domain), " NXDOMAIN (secure)"},
      {failed, " temporary failure, SERVFAIL (insecure)"},
      {tlsa_answer(Status::bogus), " bogus (bogus)"},
  };
  for (const auto& [answer, text] : rows)
    EXPECT_EQ(dane_of("mx.example", 2525, answer).text, "TLSA of _2525._tcp.mx.example:" + text);
}

class FindDane : public testing::Test {
 protected:
  void answer(const std::string& name, RecordType type, std::vector<std::string> data,
              bool is_validated = true) {
    dns::Response response;
    response.status = data.empty() ? Status::no_data : Status::records;
    response.is_validated = is_validated;
    response.data = std::move(data);
    resolver.script().set(name, type, std::move(response));
  }
  void tlsa(const std::string& base) {
    answer("_25._tcp." + base, RecordType::tlsa, {dns::tlsa_data(3, 1, 1, tlsa_digest)});
  }
  Dane find(ProvenHost host) {
    return dns::await_result(context, find_dane(resolver, std::move(host), 25, soon()));
  }
  static dns::Time soon() { return std::chrono::steady_clock::now() + 20s; }
  [[nodiscard]] std::vector<std::string> asked() const {
    std::vector<std::string> names;
    for (const auto& [name, type] : resolver.queries()) names.push_back(name);
    return names;
  }

  asio::io_context context{1};
  dns::ScriptedResolver resolver;
  const std::string first = "_25._tcp.real.example";
  const std::string second = "_25._tcp.mx.example";
};

TEST_F(FindDane, AsksAboutASecureHost) {
  tlsa("mx.example");
  const auto found = find({"mx.example", "", true});
  EXPECT_EQ(found.kind, DaneKind::usable);
  EXPECT_EQ(found.base, "mx.example");
  EXPECT_EQ(found.associations.at(0).data, tlsa_digest);
  EXPECT_EQ(asked(), std::vector{second});
}

TEST_F(FindDane, AsksNothingAboutAHostThatIsNotSecure) {
  tlsa("mx.example");
  EXPECT_EQ(find({"mx.example", "", false}).kind, DaneKind::none);
  EXPECT_TRUE(asked().empty());
}

TEST_F(FindDane, TheNameBehindAnAliasComesFirst) {
  tlsa("mx.example");
  tlsa("real.example");
  const auto found = find({"mx.example", "real.example", true});
  EXPECT_EQ(found.base, "real.example");
  EXPECT_EQ(asked(), std::vector{first});
}

TEST_F(FindDane, TheAliasIsNextWhereTheNameBehindItHasNoRecords) {
  tlsa("mx.example");
  const auto found = find({"mx.example", "real.example", true});
  EXPECT_EQ(found.kind, DaneKind::usable);
  EXPECT_EQ(found.base, "mx.example");
  EXPECT_EQ(asked(), (std::vector{first, second}));
  EXPECT_EQ(found.text,
            "TLSA of _25._tcp.real.example: NXDOMAIN (insecure); TLSA of _25._tcp.mx.example: 3 1 "
            "1 d2d2d2d2d2d2d2d2… (secure)");
}

TEST_F(FindDane, AFailureBehindTheAliasIsNotPassedOver) {
  tlsa("mx.example");
  resolver.script().fail(first, RecordType::tlsa);
  EXPECT_EQ(find({"mx.example", "real.example", true}).kind, DaneKind::failed);
  EXPECT_EQ(asked(), std::vector{first});
}

TEST_F(FindDane, AnAliasCanBeSecureThoughItsTargetIsNot) {
  tlsa("mx.example");
  const ProvenHost host{"mx.example", "real.example", false};
  const auto target = dns::name_data("real.example");
  answer("mx.example", RecordType::cname, {target});
  auto found = find(host);
  EXPECT_EQ(found.kind, DaneKind::usable);
  EXPECT_EQ(found.base, "mx.example");
  EXPECT_EQ(asked(), (std::vector<std::string>{"mx.example", second}));
  answer("mx.example", RecordType::cname, {target}, false);
  EXPECT_EQ(find(host).kind, DaneKind::none);
  resolver.script().fail("mx.example", RecordType::cname);
  found = find(host);
  EXPECT_EQ(found.kind, DaneKind::failed);
  EXPECT_EQ(found.text, "CNAME of mx.example: no answer");
  EXPECT_EQ(resolver.count(second, RecordType::tlsa), 1U);
}

TEST_F(FindDane, ACancelledQueryHasFailed) {
  resolver.hold();
  asio::cancellation_signal signal;
  std::optional<Dane> found;
  asio::co_spawn(
      context, find_dane(resolver, {"mx.example", "", true}, 25, soon()),
      asio::bind_cancellation_slot(signal.slot(), [&](const std::exception_ptr& error, Dane dane) {
        EXPECT_FALSE(error);
        found = std::move(dane);
      }));
  context.poll();
  signal.emit(asio::cancellation_type::terminal);
  context.restart();
  context.run();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kind, DaneKind::failed);
  EXPECT_NE(found->text.find("the DNS query was cancelled"), std::string::npos) << found->text;
}

}  // namespace
}  // namespace postroad::relay::tls
