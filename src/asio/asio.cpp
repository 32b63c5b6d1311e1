// Asio's own code, compiled once for the whole program (BOOST_ASIO_SEPARATE_COMPILATION). A layer
// of its own, because both net and dns use it and neither uses the other.
#include <boost/asio/impl/src.hpp>
