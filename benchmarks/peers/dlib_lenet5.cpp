// LeNet-5 in dlib's words, for dlib_lenet5.py: weights in, steps of training.
#include <dlib/dnn.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

using namespace dlib;

template <int filters, int padding, typename SUBNET>
using convolution = add_layer<con_<filters, 5, 5, 1, 1, padding, padding>, SUBNET>;
template <typename SUBNET>
using halves = avg_pool<2, 2, 2, 2, SUBNET>;
using images = input<matrix<float>>;
using network = loss_multiclass_log<fc<10, htan<fc<84, htan<fc<120,
    halves<htan<convolution<16, 0, halves<htan<convolution<6, 2, images>>>>>>>>>>>>;

struct training {
    network net;
    std::vector<sgd> solvers;
    resizable_tensor x;
    std::vector<unsigned long> y;
    double rate;
};

extern "C" {

// Weights: those of all layers from the input on, a layer's filters or matrix (in, out) and then its bias.
training *begin(long n, const float *x, const int *y, const float *weights, double rate, double momentum, double decay)
{
    auto t = std::make_unique<training>();
    t->rate = rate;
    std::vector<matrix<float>> batch;
    for (long i = 0; i < n; i++) batch.push_back(mat(x + i * 28 * 28, 28, 28));
    t->net.to_tensor(batch.begin(), batch.end(), t->x);
    t->y.assign(y, y + n);
    t->solvers.assign(t->net.num_computational_layers, sgd(decay, momentum));
    t->net.compute_loss(t->x, t->y.begin()); // makes room for parameters
    std::vector<tensor *> found;
    visit_layer_parameters(t->net, [&](size_t, tensor &p) { if (p.size()) found.push_back(&p); });
    std::reverse(found.begin(), found.end()); // it visits the output first
    for (tensor *p : found) {
        std::memcpy(p->host(), weights, p->size() * sizeof(float));
        weights += p->size();
    }
    return t.release();
}

double step(training *t)
{
    const double loss = t->net.compute_parameter_gradients(t->x, t->y.begin());
    t->net.update_parameters(t->solvers, t->rate);
    return loss;
}

void end(training *t) { delete t; }
}
