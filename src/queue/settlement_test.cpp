// The mapping from errors to outcomes, as a table.
#include "queue/settlement.hpp"

#include <gtest/gtest.h>

namespace postroad::queue {
namespace {

TEST(Settlement, AnErrorBecomesWhatItMeansForTheRecipients) {
  const auto outcome = [](Fault fault, bool may_have_been_delivered = false) {
    auto error = fail(fault, "host:25", "why");
    error.may_have_been_delivered = may_have_been_delivered;
    return attempt_of(error, 1).recipients[0].outcome;
  };
  EXPECT_EQ(outcome(Fault::cancelled), std::nullopt);
  EXPECT_EQ(outcome(Fault::cancelled, true), Outcome::unknown);
  EXPECT_EQ(outcome(Fault::input), Outcome::refused);
  EXPECT_EQ(outcome(Fault::unsupported), Outcome::refused);
  EXPECT_EQ(outcome(Fault::data), Outcome::refused);
  for (const auto fault :
       {Fault::resolve, Fault::connect, Fault::timeout, Fault::closed, Fault::refused,
        Fault::protocol, Fault::tls, Fault::auth, Fault::io, Fault::damaged, Fault::full})
    EXPECT_EQ(outcome(fault), Outcome::deferred) << to_string(fault);
  EXPECT_EQ(outcome(Fault::timeout, true), Outcome::unknown);
  // A token that cannot be obtained is not a reason for a permanent failure.
  auto login = fail(Fault::input, "host:25", "no token");
  login.stage = Stage::auth;
  EXPECT_EQ(attempt_of(login, 1).recipients[0].outcome, Outcome::deferred);
}

TEST(Settlement, TheStatusOfAnErrorBeginsTheNote) {
  auto lacks = fail(Fault::unsupported, "mx.example:25", "the server lacks SMTPUTF8");
  lacks.status = "5.6.7";
  EXPECT_EQ(attempt_of(lacks, 1).recipients[0].note,
            "5.6.7 mx.example:25: the server lacks SMTPUTF8");
}

TEST(Settlement, TheServerIsKeptWithItsAddressAndTheTlsOfTheSession) {
  SendReport report;
  RecipientOutcome one;
  one.outcome = Outcome::accepted;
  one.reply = {250, {2, 0, 0}, "Ok"};
  one.server = "mx.example:25";
  report.recipients = {one};
  report.address = "[192.0.2.1]:25";
  report.tls = "TLSv1.3 X not verified";
  EXPECT_EQ(attempt_of(report).recipients[0].host,
            "mx.example [192.0.2.1]:25 TLSv1.3 X not verified");
}

}  // namespace
}  // namespace postroad::queue
