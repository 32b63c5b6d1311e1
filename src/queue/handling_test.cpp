// The options on disk and their typed form.
#include "queue/handling.hpp"

#include <gtest/gtest.h>

namespace postroad::queue {
namespace {

using namespace std::chrono_literals;

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
  EXPECT_TRUE(envelope.options.empty());
}

}  // namespace
}  // namespace postroad::queue
