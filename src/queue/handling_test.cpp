// The options on disk and their typed form.
#include "queue/handling.hpp"

#include <gtest/gtest.h>

namespace postroad::queue {
namespace {

using namespace std::chrono_literals;
using Options = decltype(spool::Envelope::options);

TEST(Handling, IsTheSameWhenItIsReadAgain) {
  Handling handling;
  handling.stays_here = handling.body_8bit = handling.undeclared_8bit = true;
  handling.binary = handling.smtputf8 = handling.tls_optional = true;
  handling.tls = "TLSv1.3";
  handling.key = "order 4711";
  handling.asked.priority = 3;
  handling.asked.envelope_id = "id+1";
  handling.asked.deliver_by = DeliverBy{100s, DeliverBy::Else::notify, true};
  spool::Envelope envelope;
  set_handling(envelope, handling);
  EXPECT_EQ(handling_of(envelope), handling);
  envelope.options.emplace_back("LATER-VERSION", "x");
  EXPECT_EQ(handling_of(envelope), handling);
  set_handling(envelope, {});
  EXPECT_EQ(envelope.options, (Options{{"LATER-VERSION", "x"}})) << "only its own are replaced";
}

// A policy may use any name: no option of its own changes how the message is carried.
TEST(Handling, IsNotChangedByOptionsOfPolicies) {
  Handling handling;
  handling.key = "order 4711";
  spool::Envelope envelope;
  set_handling(envelope, handling);
  for (const auto* name : {"KEPT-HERE", "8BIT-UNSAID", "MAIL", "BINARY", "TLS-OPTIONAL", "BODY",
                           "SMTPUTF8", "TLS", "KEY", "SCORE"})
    add_policy_option(envelope, name, " RET=HDRS");
  EXPECT_EQ(handling_of(envelope), handling);
  EXPECT_EQ(envelope.options.back(), (Options::value_type{"POLICY.SCORE", " RET=HDRS"}));
}

TEST(Handling, LeavesTheOptionsOfPoliciesWhenItIsReplaced) {
  spool::Envelope envelope;
  add_policy_option(envelope, "KEY", "of the policy");
  Handling handling;
  handling.key = "order 4711";
  set_handling(envelope, handling);
  handling.key.clear();
  handling.binary = true;
  set_handling(envelope, handling);
  EXPECT_EQ(envelope.options, (Options{{"POLICY.KEY", "of the policy"}, {"BINARY", ""}}));
}

}  // namespace
}  // namespace postroad::queue
