// A value or an Error. An Error means that the session could not be carried on. A 4yz or 5yz
// reply to one recipient is data and travels in values (report.hpp).
#pragma once

#include <boost/system/result.hpp>

#include <postroad/error.hpp>

namespace postroad {

/// A value of type T, or the Error that says why there is none.
/// Pass an error on with `if (!r) return r.error();`. `value()` on an error throws ErrorException.
/// A call whose result is ignored gets a warning from the compiler.
template <class T>
class [[nodiscard]] Result : public boost::system::result<T, Error> {
 public:
  using boost::system::result<T, Error>::result;
};

}  // namespace postroad
