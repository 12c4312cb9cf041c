/* partner ENDPOINT TOPIC COUNT: subscribes and prints COUNT messages. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

int main(int argc, char **argv)
{
    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, ZMQ_SUB);
    char text[256];
    int left;

    assert(argc == 4 && context != NULL && socket != NULL);
    assert(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, argv[2], strlen(argv[2])) == 0);
    assert(zmq_connect(socket, argv[1]) == 0);
    for (left = atoi(argv[3]); left > 0; left--) {
        int size = zmq_recv(socket, text, sizeof text - 1, 0);
        assert(size >= 0 && size < (int) sizeof text);
        text[size] = '\0';
        puts(text);
    }
    assert(zmq_close(socket) == 0);
    assert(zmq_ctx_term(context) == 0);
    return 0;
}
