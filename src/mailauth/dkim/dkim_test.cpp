// DKIM: the examples of RFC 6376 and RFC 8463 (appendix A of both), changes that break a signature
// and changes that do not, and our signatures verified by our verifier. Against other programs:
// tests/interop/test_dkim.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <postroad/dkim.hpp>
#include <postroad/message.hpp>

#include "base/text.hpp"
#include "mail/header/fold.hpp"
#include "mailauth/dkim/canonical.hpp"

namespace postroad {
namespace {

using std::chrono::seconds;
using std::chrono::system_clock;

constexpr std::string_view joe =
    "From: Joe SixPack <joe@football.example.com>\r\n"
    "To: Suzie Q <suzie@shopping.example.net>\r\n"
    "Subject: Is dinner ready?\r\n"
    "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
    "\r\n"
    "Hi.\r\n"
    "\r\n";

std::string rfc8463() {
  return "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
         " d=football.example.com; i=@football.example.com;\r\n"
         " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
         " subject : date : message-id : from : subject : date;\r\n"
         " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
         " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
         " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
         "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
         " d=football.example.com; i=@football.example.com;\r\n"
         " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
         " date : message-id : from : subject : date;\r\n"
         " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
         " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n"
         " DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n"
         " dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n" +
         std::string(joe) + "We lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n\r\n";
}

constexpr std::string_view ed25519_record =
    "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
constexpr std::string_view rsa_record =
    "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6w"
    "y5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9"
    "PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB";

std::vector<DkimVerdict> verify(
    std::string_view message, const std::vector<std::pair<std::string, std::string>>& records,
    std::size_t piece = std::string::npos,
    system_clock::time_point now = system_clock::time_point(seconds(1'800'000'000))) {
  DkimVerifier verifier;
  for (auto rest = message; !rest.empty(); rest.remove_prefix(std::min(piece, rest.size())))
    verifier.take(rest.substr(0, piece));
  for (const auto& name : verifier.questions()) {
    const auto found = std::find_if(records.begin(), records.end(),
                                    [&](const auto& one) { return one.first == name; });
    verifier.answer(name, found == records.end() ? std::nullopt : std::optional(found->second));
  }
  return verifier.finish(now);
}

const std::vector<std::pair<std::string, std::string>> rfc8463_keys{
    {"brisbane._domainkey.football.example.com", std::string(ed25519_record)},
    {"test._domainkey.football.example.com", std::string(rsa_record)}};

TEST(Dkim, Rfc8463Example) {
  for (const std::size_t piece : {std::string::npos, std::size_t{1}, std::size_t{7}}) {
    const auto verdicts = verify(rfc8463(), rfc8463_keys, piece);
    ASSERT_EQ(verdicts.size(), 2U);
    for (const auto& one : verdicts) {
      EXPECT_EQ(one.result, DkimResult::pass) << one.reason;
      EXPECT_EQ(one.domain, "football.example.com");
      EXPECT_EQ(one.identity, "@football.example.com");
    }
    EXPECT_EQ(verdicts[0].algorithm, "ed25519-sha256");
    EXPECT_EQ(verdicts[1].bits, 1024U);
  }
}

TEST(Dkim, Rfc6376Example) {
  const auto message =
      "DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\r\n"
      "      c=simple/simple; q=dns/txt; i=joe@football.example.com;\r\n"
      "      h=Received : From : To : Subject : Date : Message-ID;\r\n"
      "      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
      "      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\r\n"
      "      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut\r\n"
      "      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV\r\n"
      "      4bmp/YzhwvcubU4=;\r\n"
      "Received: from client1.football.example.com  [192.0.2.1]\r\n"
      "      by submitserver.example.com with SUBMISSION;\r\n"
      "      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)\r\n" +
      std::string(joe) + "We lost the game. Are you hungry yet?\r\n\r\nJoe.\r\n";
  const auto verdicts = verify(message, {{"brisbane._domainkey.example.com",
                                          "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQ"
                                          "KBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt"
                                          "IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v"
                                          "/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhi"
                                          "tdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"}});
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_EQ(verdicts[0].result, DkimResult::pass) << verdicts[0].reason;
}

std::string drain(MessageSource& source) {
  std::string out;
  for (;;) {
    const auto chunk = source.next();
    if (!chunk) return "error: " + chunk.error().text();
    if (chunk->empty()) return out;
    out += *chunk;
  }
}

struct Made {
  std::string bytes;
  std::vector<std::pair<std::string, std::string>> records;
};

Made sign_with(Message message, const std::vector<DkimKey>& keys, const DkimOptions& options) {
  auto signer = std::make_shared<DkimSigner>();
  Made made;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    auto own = options;
    own.domain = "example.org";
    own.selector = "s" + std::to_string(i);
    EXPECT_TRUE(signer->add(keys[i], own));
    made.records.emplace_back(own.selector + "._domainkey.example.org", keys[i].record());
  }
  const auto source = message.sign(signer).source();
  made.bytes = source ? drain(**source) : source.error().text();
  return made;
}

const std::vector<DkimKey>& keys() {
  static const std::vector<DkimKey> made{*DkimKey::generate(DkimAlgorithm::rsa_sha256, 1024),
                                         *DkimKey::generate(DkimAlgorithm::ed25519_sha256)};
  return made;
}

Message sample() {
  return Message{}
      .from("Jörg <joerg@example.org>")
      .to("Ünal <u@example.net>, b@example.net")
      .subject("Grüße – with a subject that is long enough to be folded over more than one line")
      .text("Hallo,\n\n  zwei Leerzeichen\t\nund äöü.\n\n\n")
      .attach("a.bin", "application/octet-stream", std::string(3000, '\x01'));
}

TEST(Dkim, OurSignaturesPassInEveryForm) {
  for (const auto header : {DkimCanonicalization::simple, DkimCanonicalization::relaxed}) {
    for (const auto body : {DkimCanonicalization::simple, DkimCanonicalization::relaxed}) {
      DkimOptions options;
      options.header = header;
      options.body = body;
      const auto made = sign_with(sample(), keys(), options);
      const auto verdicts = verify(made.bytes, made.records, 100);
      ASSERT_EQ(verdicts.size(), 2U) << made.bytes;
      for (const auto& one : verdicts) EXPECT_EQ(one.result, DkimResult::pass) << one.reason;
      for (const auto line : split(made.bytes, '\n')) EXPECT_LE(line.size(), 79U) << line;
    }
  }
}

// Changes in transit: a change of displayed text fails; a change of whitespace passes in relaxed
// form.
TEST(Row27, WhatChangesOnTheWay) {
  const auto made = sign_with(
      Message{}.from("a@example.org").to("b@example.net").subject("one two").text("x y\n"),
      {keys()[1]}, {});
  const auto changed = [&](std::string_view from, std::string_view to) {
    auto bytes = made.bytes;
    const auto at = bytes.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    bytes.replace(at, from.size(), to);
    return verify(bytes, made.records).at(0);
  };
  EXPECT_EQ(changed("one two", "one  two").result, DkimResult::pass);
  EXPECT_EQ(changed("one two", "one\r\n two").result, DkimResult::pass);
  EXPECT_EQ(changed("x y", "x  y ").result, DkimResult::pass);
  EXPECT_EQ(changed("x y\r\n", "x y\r\n\r\n\r\n").result, DkimResult::pass);
  EXPECT_EQ(changed("one two", "one three").reason,
            "a signed field was changed, or the key does not match the signature");
  EXPECT_EQ(changed("x y", "x z").reason, "the body was changed");
  EXPECT_EQ(changed("From: a@", "From: c@").result, DkimResult::fail);
  // These fields are oversigned, so adding one fails.
  for (const auto* added :
       {"From: evil@example.com\r\n", "Subject: other\r\n", "Cc: x@y.example\r\n",
        "Reply-To: evil@example.com\r\n", "Content-Type: text/html\r\n"}) {
    const auto at = made.bytes.find("\r\n\r\n") + 2;
    EXPECT_EQ(
        verify(made.bytes.substr(0, at) + added + made.bytes.substr(at), made.records).at(0).result,
        DkimResult::fail)
        << added;
    EXPECT_EQ(verify(added + made.bytes, made.records).at(0).result, DkimResult::fail) << added;
  }
  // A field that is neither signed nor displayed may be added.
  EXPECT_EQ(verify("Received: from a by b; now\r\n" + made.bytes, made.records).at(0).result,
            DkimResult::pass);
}

TEST(Row27, NoSignatureOfOursLimitsTheBody) {
  const auto made = sign_with(sample(), keys(), {});
  EXPECT_EQ(made.bytes.find(" l="), std::string::npos);
}

// A body that is longer than l= does not count as signed.
TEST(Row27, APartOfTheBodyIsNotEnough) {
  const auto& key = keys()[1];
  const std::string header = "From: a@example.org\r\n";
  dkim::BodyDigest digest(DkimCanonicalization::simple, 3);
  digest.take("one\r\nmore\r\n");
  mail::FoldedField field("DKIM-Signature");
  field.word("v=1; a=ed25519-sha256; d=example.org; s=s; l=3; h=from; bh=" +
             base64_encode(digest.finish()) + "; b=");
  auto text = std::move(field).finish();
  text.resize(text.size() - 2);
  const auto signature = base64_encode(key.sign(header + text));
  const std::vector<std::pair<std::string, std::string>> records{
      {"s._domainkey.example.org", key.record()}};
  const auto front = text + signature + "\r\n" + header + "\r\n";
  EXPECT_EQ(verify(front + "one\r\nmore\r\n", records).at(0).result, DkimResult::policy);
  EXPECT_EQ(verify(front + "on", records).at(0).result, DkimResult::fail);
}

TEST(Dkim, ReportsTheReasonOfAFailure) {
  struct Row {
    std::string_view from, to, reason;
    DkimResult result;
  };
  const Row rows[] = {
      {"v=1; a=ed", "v=2; a=ed", "v= is not 1", DkimResult::permerror},
      {"a=ed25519-sha256", "a=rsa-sha1", "rsa-sha1 is no longer accepted (RFC 8301)",
       DkimResult::permerror},
      {"a=ed25519-sha256", "a=x", "unknown algorithm in a=", DkimResult::permerror},
      {"c=relaxed/relaxed", "c=strict", "unknown canonicalization in c=", DkimResult::permerror},
      {" d=football.example.com;", "", "d= is missing", DkimResult::permerror},
      {"i=@football.example.com", "i=@example.com",
       "the domain of i= is neither d= nor a subdomain of it", DkimResult::permerror},
      {"h=from : to :\r\n subject : date : message-id : from : subject : date", "h=to",
       "From is not signed", DkimResult::permerror},
      {"t=1528637909", "t=1528637909; x=1528637900", "x= is before t=", DkimResult::permerror},
      {"t=1528637909", "t=1528637909; x=1528637910", "the signature has expired", DkimResult::fail},
      {"t=1528637909", "l=99999", "l= exceeds the length of the body", DkimResult::permerror},
      {"q=dns/txt", "q=dns/xyz", "q= does not contain dns/txt", DkimResult::permerror},
      {"v=1; a=ed", "v=1; v=1; a=ed", "the field is not a valid tag list", DkimResult::neutral},
      {"b=/gCrinp", "b=*", "b= or bh= is not base64", DkimResult::permerror},
      {"s=brisbane", "s=elsewhere", "no key record at elsewhere._domainkey.football.example.com",
       DkimResult::permerror},
      {"s=brisbane", "s=a b", "d= or s= is not a domain name", DkimResult::permerror},
  };
  for (const auto& row : rows) {
    auto message = rfc8463();
    const auto at = message.find(row.from);
    ASSERT_NE(at, std::string::npos) << row.from;
    message.replace(at, row.from.size(), row.to);
    const auto verdicts = verify(message, rfc8463_keys);
    ASSERT_EQ(verdicts.size(), 2U);
    EXPECT_EQ(verdicts[0].result, row.result) << row.to;
    EXPECT_EQ(verdicts[0].reason, row.reason);
    EXPECT_EQ(verdicts[1].result, DkimResult::pass) << verdicts[1].reason;
  }
}

TEST(Dkim, ReportsWhyAKeyCannotBeUsed) {
  struct Row {
    std::string_view record, reason;
  };
  const Row rows[] = {
      {"", "the key record is not a valid tag list"},
      {"nonsense", "the key record is not a valid tag list"},
      {"v=DKIM2; p=", "the key record does not begin with v=DKIM1"},
      {"k=rsa; v=DKIM1; p=AA==", "the key record does not begin with v=DKIM1"},
      {"k=rsa; p=AA==", "the key type differs from the algorithm of the signature"},
      {"k=ed25519; h=sha1; p=AA==", "the key record does not allow sha256 (h=)"},
      {"k=ed25519; s=tlsrpt; p=AA==", "the key record does not allow email (s=)"},
      {"k=ed25519", "the key record has no p="},
      {"k=ed25519; p=", "the key is revoked (empty p=)"},
      {"k=ed25519; p=AA==", "the published key is invalid: an Ed25519 public key has 32 bytes"},
      {"k=ed25519; p=!", "the published key is invalid: not base64"},
  };
  for (const auto& row : rows) {
    auto records = rfc8463_keys;
    records[0].second = row.record;
    const auto verdict = verify(rfc8463(), records).at(0);
    EXPECT_EQ(verdict.result, DkimResult::permerror) << row.record;
    EXPECT_EQ(verdict.reason, row.reason);
  }
  auto records = rfc8463_keys;
  records[0].second = std::string(ed25519_record) + "; t=y:s";
  EXPECT_TRUE(verify(rfc8463(), records).at(0).testing);
}

TEST(Dkim, RefusesShortKeysWhenSigningAndVerifying) {
  const auto* short_key =
      "v=DKIM1; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKs3+wNF5/QAaNjrHI0Ri2KV0cNZlrAo3t8bs3o"
      "pR4cdPaH8AVt8RCYHrkhjy4VxG6MFKBYOm7WWEX3GVQ0GsGECAwEAAQ==";
  auto records = rfc8463_keys;
  records[1].second = short_key;
  const auto verdict = verify(rfc8463(), records).at(1);
  EXPECT_EQ(verdict.result, DkimResult::permerror);
  EXPECT_FALSE(DkimKey::generate(DkimAlgorithm::rsa_sha256, 512));
}

TEST(Dkim, AFailedDnsQueryIsATemporaryError) {
  DkimVerifier verifier;
  verifier.take(rfc8463());
  verifier.answer_failed("brisbane._domainkey.football.example.com", "SERVFAIL");
  const auto verdicts = verifier.finish(system_clock::time_point(seconds(1'600'000'000)));
  EXPECT_EQ(verdicts.at(0).result, DkimResult::temperror);
  EXPECT_EQ(verdicts.at(0).reason, "the DNS query for the key failed: SERVFAIL");
  EXPECT_EQ(verdicts.at(1).result, DkimResult::temperror);
}

TEST(Dkim, IgnoresSignaturesBeyondTheLimit) {
  std::string message;
  for (int i = 0; i < 20; ++i) message += "DKIM-Signature: v=1; a=x\r\n";
  EXPECT_EQ(verify(message + "From: a@b.example\r\n\r\n", {}).size(), DkimVerifier::max_signatures);
  EXPECT_TRUE(verify("From: a@b.example\r\n\r\nx", {}).empty());
  EXPECT_TRUE(verify("", {}).empty());
  EXPECT_EQ(verify("DKIM-Signature: v=1", {}).size(), 1U);
}

TEST(Dkim, RefusesInvalidOptions) {
  const auto& key = keys()[1];
  const auto error_of = [&](auto change) {
    DkimOptions options;
    options.domain = "example.org";
    options.selector = "s";
    change(options);
    DkimSigner signer;
    const auto added = signer.add(key, options);
    return added ? std::string() : added.error().text();
  };
  EXPECT_EQ(error_of([](DkimOptions&) {}), "");
  EXPECT_NE(error_of([](DkimOptions& o) { o.domain = "a b"; }), "");
  EXPECT_NE(error_of([](DkimOptions& o) { o.domain = "[192.0.2.1]"; }), "");
  EXPECT_NE(error_of([](DkimOptions& o) { o.domain = "ex\r\nample.org"; }), "");
  EXPECT_NE(error_of([](DkimOptions& o) { o.selector = ""; }), "");
  EXPECT_NE(error_of([](DkimOptions& o) { o.selector = "s; x=1"; }), "");
  EXPECT_NE(error_of([](DkimOptions& o) { o.identity = "joe@example.com"; }), "");
  EXPECT_NE(error_of([](DkimOptions& o) { o.identity = "j;e@example.org"; }), "");
  EXPECT_EQ(error_of([](DkimOptions& o) { o.identity = "joe@mail.example.org"; }), "");
  EXPECT_NE(error_of([](DkimOptions& o) { o.fields = {"To"}; }), "");
  EXPECT_NE(error_of([](DkimOptions& o) { o.fields = {"From", "a:b"}; }), "");
}

TEST(Dkim, KeysRoundTripThroughPem) {
  for (const auto& key : keys()) {
    const auto again = DkimKey::parse(key.pem().reveal());
    ASSERT_TRUE(again) << again.error();
    EXPECT_EQ(again->record(), key.record());
    EXPECT_EQ(again->bits(), key.bits());
  }
  EXPECT_FALSE(DkimKey::parse("not a key"));
  EXPECT_FALSE(DkimKey::from_file("/nonexistent/key.pem"));
}

TEST(Dkim, AMessageThatCannotBeSignedIsNotComposed) {
  auto signer = std::make_shared<DkimSigner>();
  DkimOptions options;
  options.domain = "example.org";
  options.selector = "s";
  ASSERT_TRUE(signer->add(keys()[1], options));
  const auto source = Message{}.raw("Subject: no author\r\n\r\nx\r\n").sign(signer).source();
  ASSERT_FALSE(source);
  EXPECT_NE(source.error().detail.find("exactly one From field"), std::string::npos);
}

TEST(Dkim, FormatsAuthenticationResults) {
  EXPECT_EQ(format_authentication_results("mx.example", {}),
            "Authentication-Results: mx.example; dkim=none\r\n");
  const auto verdicts = verify(rfc8463(), rfc8463_keys);
  const auto field = format_authentication_results("mx.example", verdicts);
  EXPECT_NE(field.find("dkim=pass header.d=football.example.com"), std::string::npos) << field;
  DkimVerdict evil;
  evil.domain = "a\r\nb;c";
  evil.reason = "x\"y";
  const auto scrubbed = format_authentication_results("mx\r\n", {evil});
  EXPECT_EQ(std::count(scrubbed.begin(), scrubbed.end(), '\n'), 1) << scrubbed;
}

}  // namespace
}  // namespace postroad
