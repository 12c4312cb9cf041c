/* Deprecated: zmq.h declares what programs include this for. License: MIT or Apache-2.0. */
#include "zmq.h"
