/* What the bispectrum is computed from: the neighbours of a point, as rotations.
 *
 * The same as descriptors/geometry.py, in double precision always. Vectors are those of GCC and
 * Clang, so that any processor will do; the code reads as if it handled one point.
 */
#pragma once
#include <math.h>
#include <stdint.h>

#if defined(REGISTER_BYTES) /* by a test of narrower registers */
#elif defined(__AVX512F__)
#define REGISTER_BYTES 64
#elif defined(__AVX__)
#define REGISTER_BYTES 32
#else
#define REGISTER_BYTES 16
#endif
#define INLINE static inline __attribute__((always_inline))
#define DOUBLES (REGISTER_BYTES / (int)sizeof(double))

typedef double doubles __attribute__((vector_size(REGISTER_BYTES)));

/* descriptors.neighbours.NeighbourBins, with the properties of each atom. */
typedef struct {
    const double *cell, *inverse;
    const int64_t *shape, *start;
    const double *positions;
    const int64_t *atoms;
    const double *cutoffs, *weights;
    int64_t max_candidates;
} bins_t;

typedef struct {
    doubles x, y, z, inverse_cutoff, weight;
} neighbour_t;

/* Conjugate a and −conjugate b of the rotation, and w·f_c. */
typedef struct {
    doubles ar, ai, br, bi, weight;
} rotation_t;

static const double PI = 3.14159265358979323846;
/* LAMMPS' rfac0, and the squared distance (Å²) up to which it does not count an atom. */
static const double ANGLE_FACTOR = 0.99363, ON_POINT = 1e-20;
static const double INVERSE_FACTORIAL[19] = {
    1., 1., 1 / 2., 1 / 6., 1 / 24., 1 / 120., 1 / 720., 1 / 5040., 1 / 40320., 1 / 362880.,
    1 / 3628800., 1 / 39916800., 1 / 479001600., 1 / 6227020800., 1 / 87178291200.,
    1 / 1307674368000., 1 / 20922789888000., 1 / 355687428096000., 1 / 6402373705728000.,
};

/* Write the neighbours of one point into a lane; return their number. */
static int64_t find(const double *point, const bins_t *bins, int64_t *near,
                    neighbour_t *neighbours, int lane)
{
    double home[3] = {point[0], point[1], point[2]};
    int64_t target = 0, found = 0;
    for (int k = 0; k < 3; k++) {
        const double *inverse = bins->inverse + k;
        double scaled = point[0] * inverse[0] + point[1] * inverse[3] + point[2] * inverse[6];
        double turns = floor(scaled);
        int64_t index = (int64_t)((scaled - turns) * (double)bins->shape[k]);
        for (int c = 0; c < 3; c++)
            home[c] -= turns * bins->cell[3 * k + c];
        if (index > bins->shape[k] - 1)
            index = bins->shape[k] - 1;
        target = target * bins->shape[k] + index;
    }
    /* Without a branch: which candidates are near is not to be guessed. */
    for (int64_t k = bins->start[target]; k < bins->start[target + 1]; k++) {
        double x = home[0] - bins->positions[3 * k], y = home[1] - bins->positions[3 * k + 1];
        double z = home[2] - bins->positions[3 * k + 2], cutoff = bins->cutoffs[bins->atoms[k]];
        double squared = x * x + y * y + z * z;
        near[found] = k;
        found += (squared > ON_POINT) & (squared < cutoff * cutoff);
    }
    for (int64_t n = 0; n < found; n++) {
        int64_t k = near[n], atom = bins->atoms[k];
        neighbours[n].x[lane] = home[0] - bins->positions[3 * k];
        neighbours[n].y[lane] = home[1] - bins->positions[3 * k + 1];
        neighbours[n].z[lane] = home[2] - bins->positions[3 * k + 2];
        neighbours[n].inverse_cutoff[lane] = 1 / bins->cutoffs[atom];
        neighbours[n].weight[lane] = bins->weights[atom];
    }
    return found;
}

/* Neighbours of up to DOUBLES points, padded to an even number by some without weight. */
static int64_t gather(const double *points, int64_t filled, const bins_t *bins, int64_t *near,
                      neighbour_t *neighbours)
{
    int64_t found[DOUBLES] = {0}, longest = 0;
    for (int lane = 0; lane < filled; lane++) {
        found[lane] = find(points + 3 * lane, bins, near, neighbours, lane);
        if (found[lane] > longest)
            longest = found[lane];
    }
    longest += longest % 2;
    for (int lane = 0; lane < DOUBLES; lane++)
        for (int64_t k = found[lane]; k < longest; k++) {
            neighbours[k].x[lane] = 1;
            neighbours[k].y[lane] = neighbours[k].z[lane] = 0;
            neighbours[k].inverse_cutoff[lane] = neighbours[k].weight[lane] = 0;
        }
    return longest;
}

/* Taylor series of sin and cos, exact to the last bit or two for |angle| ≤ π/4. */
INLINE void sine_cosine(doubles angle, doubles *sine, doubles *cosine)
{
    doubles square = angle * angle, s = {0}, c = {0};
    for (int n = 18; n > 0; n -= 2) {
        c = INVERSE_FACTORIAL[n] - c * square;
        s = INVERSE_FACTORIAL[n - 1] - s * square;
    }
    *sine = angle * s;
    *cosine = 1 - c * square;
}

/* Turn distance vectors into unit quaternions and weights, by way of quarter angles. */
static void rotate(const neighbour_t *neighbours, rotation_t *rotations, int64_t n_neighbours)
{
    for (int64_t k = 0; k < n_neighbours; k++) {
        doubles x = neighbours[k].x, y = neighbours[k].y, z = neighbours[k].z;
        doubles squared = x * x + y * y + z * z, r, sine, cosine;
        for (int lane = 0; lane < DOUBLES; lane++)
            r[lane] = sqrt(squared[lane]);
        doubles quarter = 0.25 * PI * r * neighbours[k].inverse_cutoff;
        sine_cosine(ANGLE_FACTOR * quarter, &sine, &cosine);
        doubles half_sine = 2 * sine * cosine, half_cosine = 1 - 2 * sine * sine;
        doubles slope = 2 * half_sine * half_cosine / r;
        rotations[k].ar = 1 - 2 * half_sine * half_sine;
        rotations[k].ai = z * slope;
        rotations[k].br = -y * slope;
        rotations[k].bi = -x * slope;
        sine_cosine(quarter, &sine, &cosine);
        doubles switched = 1 - 2 * sine * sine;
        rotations[k].weight = neighbours[k].weight * switched * switched;
    }
}
